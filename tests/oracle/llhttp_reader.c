// Reads streams (4 bytes length, bytes) from standard input and prints one line of JSON for each: the requests llhttp reads in it.
// With the argument `lenient` in its most lenient mode.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "llhttp.h"

#define TEXT_MAX 200000

struct text {
    size_t bytes;
    char data[TEXT_MAX];
};
static struct text target, name, value;
static int requests, values, in_value;

static void add(struct text* text, const char* at, size_t bytes) {
    if (bytes > TEXT_MAX - text->bytes) bytes = TEXT_MAX - text->bytes;
    memcpy(text->data + text->bytes, at, bytes);
    text->bytes += bytes;
}
static void print(const struct text* text) {
    putchar('"');
    for (size_t i = 0; i < text->bytes; ++i) {
        const unsigned char byte = (unsigned char)text->data[i];
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\') printf("\\u%04x", byte);
        else putchar(byte);
    }
    putchar('"');
}
static struct text authorizations[16];

static void field_ends(void) {
    if (in_value && name.bytes == 13 && strncasecmp(name.data, "authorization", 13) == 0 && values < 16) {
        authorizations[values].bytes = 0;
        add(&authorizations[values++], value.data, value.bytes);
    }
    if (in_value) name.bytes = value.bytes = 0;
    in_value = 0;
}
static int on_begin(llhttp_t* parser) {
    (void)parser;
    target.bytes = name.bytes = value.bytes = 0;
    values = in_value = 0;
    return 0;
}
static int on_url(llhttp_t* parser, const char* at, size_t bytes) {
    (void)parser;
    add(&target, at, bytes);
    return 0;
}
static int on_field(llhttp_t* parser, const char* at, size_t bytes) {
    (void)parser;
    field_ends();
    add(&name, at, bytes);
    return 0;
}
static int on_value(llhttp_t* parser, const char* at, size_t bytes) {
    (void)parser;
    in_value = 1;
    add(&value, at, bytes);
    return 0;
}
static int on_head(llhttp_t* parser) {
    field_ends();
    printf("%s{\"method\":\"%s\",\"target\":", requests++ ? "," : "", llhttp_method_name((llhttp_method_t)parser->method));
    print(&target);
    printf(",\"authorization\":[");
    for (int i = 0; i < values; ++i) {
        if (i) putchar(',');
        print(&authorizations[i]);
    }
    printf("]}");
    return 0;
}

int main(int count, char** words) {
    const int lenient = count > 1 && strcmp(words[1], "lenient") == 0;
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_message_begin = on_begin;
    settings.on_url = on_url;
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_head;
    unsigned length;
    while (fread(&length, 4, 1, stdin) == 1) {
        length = ntohl(length);
        char* stream = malloc(length + 1);
        if (!stream || fread(stream, 1, length, stdin) != length) return 1;
        llhttp_t parser;
        llhttp_init(&parser, HTTP_REQUEST, &settings);
        if (lenient) parser.lenient_flags = 0xff;  // every leniency of this version, and those to come
        requests = 0;
        putchar('[');
        llhttp_execute(&parser, stream, length);
        printf("]\n");
        free(stream);
    }
    return 0;
}

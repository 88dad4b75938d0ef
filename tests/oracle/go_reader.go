// Reads streams (4 bytes length, bytes) from standard input and prints one line of JSON for each: the requests net/http reads in it.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
)

type request struct {
	Method        string   `json:"method"`
	Target        string   `json:"target"`
	Authorization []string `json:"authorization"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		var length uint32
		if binary.Read(in, binary.BigEndian, &length) != nil {
			return
		}
		stream := make([]byte, length)
		if _, err := io.ReadFull(in, stream); err != nil {
			return
		}
		requests := []request{}
		reader := bufio.NewReader(bytes.NewReader(stream))
		for {
			r, err := http.ReadRequest(reader)
			if err != nil {
				break
			}
			requests = append(requests, request{r.Method, r.RequestURI, r.Header.Values("Authorization")})
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				break
			}
		}
		line, _ := json.Marshal(requests)
		out.Write(append(line, '\n'))
	}
}

#include "control/cli/output.h"

#include <cstdio>

namespace springlatch::control {

bool flush_output() {
    if (std::fflush(stdout) == 0) {
        return true;
    }
    std::perror("error: standard output");
    return false;
}

bool print_whole(const std::string& text) {
    if (std::fputs(text.c_str(), stdout) < 0) {
        std::perror("error: standard output");
        return false;
    }
    return flush_output();
}

}  // namespace springlatch::control

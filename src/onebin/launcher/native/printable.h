/* Show texts with paths in them, which may be anybody's choice, without what a terminal obeys, reorders or hides. */
#pragma once

#include <stdbool.h>
#include <string.h>

/* Replace control characters but line breaks, and marks of direction, in UTF-8; return the text. */
static inline char *make_printable(char *text) {
    for (unsigned char *byte = (unsigned char *)text; *byte != 0; byte++) {
        bool is_control = (*byte < 0x20 && *byte != '\n') || *byte == 0x7f;
        bool is_c1 = byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0;
        bool is_mark = byte[0] == 0xe2 && ((byte[1] == 0x80 && ((byte[2] >= 0x8b && byte[2] <= 0x8f) ||
                                                                 (byte[2] >= 0xa8 && byte[2] <= 0xae))) ||
                                           (byte[1] == 0x81 && byte[2] >= 0xa0 && byte[2] <= 0xaf));
        if (is_control || is_c1 || is_mark) memset(byte, '?', is_mark ? 3 : is_c1 ? 2 : 1);
    }
    return text;
}

/* Turn UTF-16 into UTF-8 and back. Windows also accepts names with single surrogates, which are no characters; Python
 * writes each of them in three bytes. The system's own functions do not. */
#include "../starter.h"

#include "win.h"

/* Return a text in new memory. What is not UTF-8 is a mistake of this program. */
wchar_t *widen(const char *text) {
    const unsigned char *byte = (const unsigned char *)text;
    wchar_t *wide = calloc(strlen(text) + 1, sizeof *wide), *end = wide;
    if (wide == NULL) abort();
    while (*byte != 0) {
        int more = *byte < 0x80 ? 0 : *byte < 0xe0 ? 1 : *byte < 0xf0 ? 2 : 3;
        uint32_t character = more == 0 ? *byte : *byte & (0x3f >> more);
        for (byte++; more > 0 && *byte != 0; more--, byte++) character = character << 6 | (*byte & 0x3f);
        if (character >= 0x10000) {
            *end++ = (wchar_t)(0xd7c0 + (character >> 10));
            character = 0xdc00 | (character & 0x3ff);
        }
        *end++ = (wchar_t)character;
    }
    return wide;
}

char *narrow(const wchar_t *wide) {
    char *text = calloc(3 * wcslen(wide) + 1, 1), *end = text;
    if (text == NULL) abort();
    for (; *wide != 0; wide++) {
        uint32_t character = *wide;
        if ((character & 0xfc00) == 0xd800 && (wide[1] & 0xfc00) == 0xdc00)
            character = 0x10000 + ((character & 0x3ff) << 10) + (*++wide & 0x3ff);
        int more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
        static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
        *end++ = (char)(first[more] | character >> (6 * more));
        while (more-- > 0) *end++ = (char)(0x80 | (character >> (6 * more) & 0x3f));
    }
    return text;
}

/* Where an artifact's content ends, and with it the trailer: at the end of the file, or on macOS before its signature. */
#pragma once

#include <sys/types.h>

#ifdef __APPLE__
#include <mach-o/loader.h>
#include <unistd.h>

/* The signature is the last thing in the file; if there is none, `size` is the end. */
static inline off_t content_end(int fd, off_t size) {
    static char commands[32768];
    struct mach_header_64 header;
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header || header.magic != MH_MAGIC_64 ||
        header.sizeofcmds > sizeof commands ||
        pread(fd, commands, header.sizeofcmds, sizeof header) != (ssize_t)header.sizeofcmds)
        return size;
    for (size_t offset = 0; offset + sizeof(struct linkedit_data_command) <= header.sizeofcmds;) {
        const struct linkedit_data_command *command = (const void *)(commands + offset);
        if (command->cmd == LC_CODE_SIGNATURE) return command->dataoff <= size ? (off_t)command->dataoff : size;
        if (command->cmdsize == 0) break;
        offset += command->cmdsize;
    }
    return size;
}
#else
static inline off_t content_end(int fd, off_t size) {
    (void)fd;
    return size;
}
#endif

/* What the parts of the starter for Windows share. */
#ifndef ONEBIN_STARTER_WINDOWS_H
#define ONEBIN_STARTER_WINDOWS_H

#include "../starter.h"

#include <windows.h>

/* files.c */
wchar_t *wide(const char *text);
HANDLE open_shared(const char *path, DWORD access);

/* program.c */
bool leads_to_artifact(const struct archive *archive, const wchar_t *path);
char *narrow(const wchar_t *text);

#endif

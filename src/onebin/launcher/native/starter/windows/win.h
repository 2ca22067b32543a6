/* What the files for Windows share: the system's functions, and its texts. */
#pragma once

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* text.c: UTF-8 in which single surrogates are written as if they were characters, as Python writes file names */
wchar_t *widen(const char *text);
char *narrow(const wchar_t *wide);

/* library.c */
void load_library(void);
char *library_folder(void);

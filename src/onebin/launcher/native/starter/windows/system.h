/* Where things are in a tree on Windows, and how paths are written there. */
#pragma once

#define LONGEST_PATH (3 * 32768) /* UTF-8 of a path */
#define SEPARATOR '\\'
#define PATHS_END ";" /* at which Python divides a list of paths */
/* The file name of the interpreter, and of the library that it needs. */
#define PYTHON "python.exe"
#define LIBRARY "python" STRING(PY_MAJOR_VERSION) STRING(PY_MINOR_VERSION) THREADS ".dll"
#define PROGRAMS "Scripts"
#define HOME "python" /* what pyvenv.cfg says of the base interpreter */

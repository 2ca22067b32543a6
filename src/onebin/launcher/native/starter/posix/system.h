/* Where things are in a tree on systems like Unix, and how paths are written there. */
#pragma once

#define LONGEST_PATH PATH_MAX
#define SEPARATOR '/'
#define PATHS_END ":" /* at which Python divides a list of paths */
/* The file name of the interpreter. */
#define PYTHON "python" STRING(PY_MAJOR_VERSION) "." STRING(PY_MINOR_VERSION) THREADS DEBUG
#define PROGRAMS "bin"
#define HOME "python/bin" /* what pyvenv.cfg says of the base interpreter */

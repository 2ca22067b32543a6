/* Take the memory of Python's objects in huge pages, where the system has them.
 *
 * A program that imports much touches some ten megabytes of new memory, and each page of 4 KiB costs an entry into the
 * kernel. CPython takes memory in arenas of 1 MiB. Here two of them share one huge page of 2 MiB. The kernel makes it
 * one if /sys/kernel/mm/transparent_hugepage/enabled allows that for who asks; otherwise it has ordinary pages. */
#include "../starter.h"

#ifdef __linux__

#include <stdatomic.h>
#include <sys/mman.h>

enum { ARENA = 1 << 20, HUGE_PAGE = 2 * ARENA };

/* An arena that is mapped and free, or NULL. Interpreters with locks of their own may take it at the same time. */
static _Atomic(void *) spare;

static char *map(size_t size) {
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

/* Map a huge page: twice as much, and what is before and behind it is given back. */
static char *map_huge_page(void) {
    char *start = map(2 * HUGE_PAGE);
    if (start == NULL) return NULL;
    size_t before = -(uintptr_t)start & (HUGE_PAGE - 1);
    if (before > 0) munmap(start, before);
    munmap(start + before + HUGE_PAGE, HUGE_PAGE - before);
    madvise(start + before, HUGE_PAGE, MADV_HUGEPAGE);
    return start + before;
}

static void release(void *context, void *arena, size_t size) {
    (void)context;
    void *other = size == ARENA ? atomic_exchange(&spare, arena) : arena;
    if (other != NULL) munmap(other, size);
}

static void *allocate(void *context, size_t size) {
    if (size != ARENA) return map(size);
    char *arena = atomic_exchange(&spare, NULL);
    if (arena != NULL) return arena;
    arena = map_huge_page();
    if (arena == NULL) return map(size);
    release(context, arena + ARENA, ARENA);
    return arena;
}

void use_huge_pages(void) {
    PyObjectArenaAllocator allocator = {.alloc = allocate, .free = release};
    PyObject_SetArenaAllocator(&allocator);
}

#else

void use_huge_pages(void) {}

#endif

//! What libzstd takes from a C library, so that the launcher needs none: memory, and what only its training of
//! dictionaries and its compressor call, which are not in this program.

const system = @import("system.zig");

extern "kernel32" fn GetProcessHeap() callconv(.winapi) system.Handle;
extern "kernel32" fn HeapAlloc(system.Handle, u32, usize) callconv(.winapi) ?*anyopaque;
extern "kernel32" fn HeapFree(system.Handle, u32, *anyopaque) callconv(.winapi) c_int;

fn malloc(size: usize) callconv(.c) ?*anyopaque {
    return HeapAlloc(GetProcessHeap(), 0, size);
}

fn calloc(count: usize, size: usize) callconv(.c) ?*anyopaque {
    const zeroed = 8;
    const product = @mulWithOverflow(count, size);
    return if (product[1] != 0) null else HeapAlloc(GetProcessHeap(), zeroed, product[0]);
}

fn free(memory: ?*anyopaque) callconv(.c) void {
    if (memory) |given| _ = HeapFree(GetProcessHeap(), 0, given);
}

fn never() callconv(.c) noreturn {
    @trap();
}

const address: *const fn () callconv(.c) noreturn = &never;

comptime {
    @export(&malloc, .{ .name = "malloc" });
    @export(&calloc, .{ .name = "calloc" });
    @export(&free, .{ .name = "free" });
    for (.{ "qsort", "clock", "fprintf", "fputc", "fflush", "fwrite" }) |name| @export(&never, .{ .name = name });
    for (.{ "_beginthreadex", "_errno", "__acrt_iob_func" }) |name| @export(&address, .{ .name = "__imp_" ++ name });
}

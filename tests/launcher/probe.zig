//! A stand-in for the interpreter of a tree on Windows: it shows what it gets, and does what its second argument says.

const std = @import("std");

const Text = [*:0]u16;
extern "kernel32" fn GetCommandLineW() callconv(.winapi) Text;
extern "shell32" fn CommandLineToArgvW(Text, *c_int) callconv(.winapi) [*]Text;
extern "kernel32" fn GetModuleFileNameW(?*anyopaque, [*]u16, u32) callconv(.winapi) u32;
extern "kernel32" fn GetStdHandle(i32) callconv(.winapi) ?*anyopaque;
extern "kernel32" fn ReadFile(?*anyopaque, [*]u8, u32, *u32, ?*anyopaque) callconv(.winapi) c_int;
extern "kernel32" fn WriteFile(?*anyopaque, [*]const u8, u32, *u32, ?*anyopaque) callconv(.winapi) c_int;
extern "kernel32" fn SetConsoleCtrlHandler(?*const fn (u32) callconv(.winapi) c_int, c_int) callconv(.winapi) c_int;
extern "kernel32" fn Sleep(u32) callconv(.winapi) void;
extern "kernel32" fn ExitProcess(u32) callconv(.winapi) noreturn;

pub const std_options: std.Options = .{ .enable_segfault_handler = false };

var buffer: [1 << 17]u8 = undefined;

fn print(comptime format: []const u8, values: anytype) void {
    write(std.fmt.bufPrint(&buffer, format ++ "\n", values) catch unreachable);
}

fn write(bytes: []const u8) void {
    var written: u32 = 0;
    _ = WriteFile(GetStdHandle(-11), bytes.ptr, @intCast(bytes.len), &written, null);
}

fn onEvent(event: u32) callconv(.winapi) c_int {
    print("event {d}", .{event});
    ExitProcess(33);
}

pub fn main() void {
    var count: c_int = 0;
    const all = CommandLineToArgvW(GetCommandLineW(), &count);
    const arguments = all[0..@intCast(count)];
    const wanted = if (arguments.len > 2) utf8(std.mem.span(arguments[2])) else "";
    if (std.mem.eql(u8, wanted, "show")) {
        var path: [32768]u16 = undefined;
        print("{s}", .{utf8(path[0..GetModuleFileNameW(null, &path, path.len)])});
        for (arguments[1..]) |argument| print("{s}", .{utf8(std.mem.span(argument))});
    } else if (std.mem.eql(u8, wanted, "exit")) {
        ExitProcess(std.fmt.parseInt(u32, utf8(std.mem.span(arguments[3])), 10) catch unreachable);
    } else if (std.mem.eql(u8, wanted, "copy")) {
        var got: u32 = 0;
        while (ReadFile(GetStdHandle(-10), &buffer, buffer.len, &got, null) != 0 and got > 0) write(buffer[0..got]);
    } else if (std.mem.eql(u8, wanted, "wait")) {
        _ = SetConsoleCtrlHandler(&onEvent, 1);
        print("waiting", .{});
        Sleep(60_000);
    }
}

fn utf8(text: []const u16) []const u8 {
    return std.unicode.wtf16LeToWtf8Alloc(std.heap.page_allocator, text) catch unreachable;
}

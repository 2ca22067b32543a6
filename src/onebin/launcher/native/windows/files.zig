//! What unpacking needs of the system: folders and files below a folder, which is given by its path. All failures are
//! error.System, with the reason as the last error. There are no links.

const std = @import("std");
const system = @import("system.zig");

pub const Directory = []const u8;
pub const bad_message: c_int = system.bad_data;

pub fn lastError() c_int {
    return @intCast(system.GetLastError());
}

pub fn setError(value: c_int) void {
    system.SetLastError(@intCast(value));
}

/// The path of something below a folder, in memory of this call.
const Path = struct {
    buffer: [32768]u16,

    fn of(self: *Path, directory: Directory, name: [*:0]const u8) ![*:0]const u16 {
        const prefix = "\\\\?\\";
        var end: usize = 0;
        for ([_][]const u8{ if (std.mem.startsWith(u8, directory, "\\\\")) "" else prefix, directory, "\\", std.mem.span(name) }) |part| {
            if (part.len >= self.buffer.len - end) return error.System;
            end += std.unicode.wtf8ToWtf16Le(self.buffer[end..], part) catch return error.System;
        }
        for (self.buffer[0..end]) |*unit| if (unit.* == '/') {
            unit.* = '\\';
        };
        if (end > 0 and self.buffer[end - 1] == '\\') end -= 1;
        self.buffer[end] = 0;
        return self.buffer[0..end :0].ptr;
    }
};

pub fn makeFolder(directory: Directory, name: [*:0]const u8) !void {
    var path: Path = undefined;
    if (system.CreateDirectoryW(try path.of(directory, name), null) == 0) return error.System;
}

/// A new file that is open for writing.
pub const File = struct {
    handle: system.Handle,

    pub fn create(directory: Directory, name: [*:0]const u8, _: bool) !File {
        var path: Path = undefined;
        const at = try path.of(directory, name);
        const handle = system.CreateFileW(at, system.write_access, system.share_read, null, system.create_new, 0, null);
        return if (handle == system.invalid) error.System else .{ .handle = handle };
    }

    /// Write some of the bytes, at least one, and return how many.
    pub fn write(self: File, bytes: []const u8) !usize {
        var written: u32 = 0;
        const is_written = system.WriteFile(self.handle, bytes.ptr, @intCast(@min(bytes.len, 1 << 30)), &written, null) != 0;
        return if (is_written and written > 0) written else error.System;
    }

    pub fn close(self: File) void {
        _ = system.CloseHandle(self.handle);
    }
};

/// Whether a name in the archive can be that of a file here: without what Windows reads as something else.
pub fn isName(name: []const u8) bool {
    if (std.mem.indexOfAny(u8, name, "\\:*?\"<>|") != null or !std.unicode.utf8ValidateSlice(name)) return false;
    var parts = std.mem.splitScalar(u8, std.mem.trimEnd(u8, name, "/"), '/');
    while (parts.next()) |part| if (part.len > 0 and (part[part.len - 1] == '.' or part[part.len - 1] == ' ')) return false;
    return true;
}

pub fn expectFolder(_: Directory, _: [*:0]const u8) !void {
    return error.System;
}

pub fn makeLink(_: Directory, _: [*:0]const u8, _: [*:0]const u8) !void {
    return error.System;
}

//! What unpacking needs of the system: folders, files and links below an open directory. All failures are error.System,
//! with the reason in errno.

const c = @import("std").c;

pub const Directory = c_int;

pub fn lastError() c_int {
    return c._errno().*;
}

pub fn setError(value: c_int) void {
    c._errno().* = value;
}

pub const bad_message: c_int = @intFromEnum(c.E.BADMSG);

pub fn makeFolder(directory: Directory, name: [*:0]const u8) !void {
    if (c.mkdirat(directory, name, 0o700) != 0) return error.System;
}

/// A new file that is open for writing.
pub const File = struct {
    descriptor: c_int,

    pub fn create(directory: Directory, name: [*:0]const u8, is_executable: bool) !File {
        const flags: c.O = .{ .ACCMODE = .WRONLY, .CREAT = true, .EXCL = true, .NOFOLLOW = true, .CLOEXEC = true };
        const descriptor = c.openat(directory, name, flags, @as(c_uint, if (is_executable) 0o700 else 0o600));
        return if (descriptor < 0) error.System else .{ .descriptor = descriptor };
    }

    /// Write some of the bytes, at least one, and return how many.
    pub fn write(self: File, bytes: []const u8) !usize {
        const written = c.write(self.descriptor, bytes.ptr, bytes.len);
        return if (written <= 0) error.System else @intCast(written);
    }

    pub fn close(self: File) void {
        _ = c.close(self.descriptor);
    }
};

/// Whether a name in the archive can be that of a file here.
pub fn isName(_: []const u8) bool {
    return true;
}

pub fn expectFolder(directory: Directory, name: [*:0]const u8) !void {
    const folder = c.openat(directory, name, .{ .DIRECTORY = true, .CLOEXEC = true });
    if (folder < 0) return error.System;
    _ = c.close(folder);
}

pub fn makeLink(directory: Directory, name: [*:0]const u8, target: [*:0]const u8) !void {
    if (c.symlinkat(target, directory, name) != 0) return error.System;
}

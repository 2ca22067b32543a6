//! The artifact's file, its trailer, and messages about it.

const std = @import("std");
const system = @import("system.zig");

/// The last bytes of an artifact; trailer.h and onebin.card describe them.
const Trailer = extern struct {
    payload_sha256: [32]u8,
    file_sha256: [32]u8,
    card_sha256: [32]u8,
    tree_sha256: [32]u8,
    payload_offset: u64,
    payload_size: u64, // 0: the tree is the folder of the file
    card_size: u64,
    interpreter: [32]u8,
    name: [256]u8,
    magic: [8]u8,

    const magic_value = "onebin\x00\x04";
};

comptime {
    std.debug.assert(@sizeOf(Trailer) == 448);
}

pub const unusable = 126; // the exit code of a shell that found a command but could not run it
pub const code = "code.bin";
pub const scripts = "Scripts"; // where the interpreter is in a tree
pub const digits = 32; // of the digest in the name of a tree

pub const Artifact = struct {
    path: []const u8,
    handle: system.Handle,
    trailer: Trailer,
    label: []const u8, // <name>-<digest>: names the folder of this payload
    stem: []const u8, // <name>-, which all versions of the bundle share

    pub fn interpreter(self: *const Artifact) []const u8 {
        return std.mem.sliceTo(&self.trailer.interpreter, 0);
    }

    pub fn program(self: *const Artifact) []const u8 {
        return self.stem[0 .. self.stem.len - 1];
    }

    /// Return the payload, mapped into memory.
    pub fn payload(self: *const Artifact) ?[]const u8 {
        const read_only = 2;
        const mapping = system.CreateFileMappingW(self.handle, null, read_only, 0, 0, null) orelse return null;
        const all = system.MapViewOfFile(mapping, 4, 0, 0, 0) orelse return null;
        return all[self.trailer.payload_offset..][0..self.trailer.payload_size];
    }
};

/// Open this program's own file. While it is open, nobody can exchange it: Windows does not let a file be renamed then.
pub fn open() Artifact {
    var buffer: [32768]u16 = undefined;
    const length = system.GetModuleFileNameW(null, &buffer, buffer.len);
    const path = system.narrow(buffer[0..length]);
    const handle = system.open(system.path(path, ""), system.read_access, system.share_read, system.open_existing, 0) orelse
        fail(path, system.reason(), "running this file also needs permission to read it");
    const size = (system.information(handle) orelse fail(path, system.reason(), "copy the file to another disk")).size();
    var trailer: Trailer = undefined;
    var got: u32 = 0;
    const start = std.math.sub(u64, size, @sizeOf(Trailer)) catch 0;
    const is_read = system.SetFilePointerEx(handle, @intCast(start), null, 0) != 0 and
        system.ReadFile(handle, @ptrCast(&trailer), @sizeOf(Trailer), &got, null) != 0 and got == @sizeOf(Trailer);
    if (!is_read or !isWhole(&trailer, start)) fail(path, "the file is damaged or truncated", "download or build it again");
    const name = std.mem.sliceTo(&trailer.name, 0);
    const stem = system.text("{s}-", .{name[0..@min(name.len, 180)]}); // drafts and private folders add to the name
    const label = system.text("{s}{x}", .{ stem, trailer.payload_sha256[0 .. digits / 2] });
    return .{ .path = path, .handle = handle, .trailer = trailer, .label = label, .stem = stem };
}

fn isWhole(trailer: *const Trailer, size: u64) bool {
    return std.mem.eql(u8, &trailer.magic, Trailer.magic_value) and trailer.payload_offset <= size and
        trailer.payload_size <= size - trailer.payload_offset and
        isPlainName(&trailer.name) and isPlainName(&trailer.interpreter);
}

/// Whether a name is one that a manifest allows: letters, digits and . _ -, and neither of the last at its ends.
fn isPlainName(field: []const u8) bool {
    const name = std.mem.sliceTo(field, 0);
    if (name.len == 0 or name.len == field.len) return false;
    for (name) |byte| if (!std.ascii.isAlphanumeric(byte) and std.mem.indexOfScalar(u8, "._-", byte) == null) return false;
    return std.ascii.isAlphanumeric(name[0]) and std.ascii.isAlphanumeric(name[name.len - 1]);
}

pub fn fail(path: []const u8, what: []const u8, remedy: []const u8) noreturn {
    say(system.text("{s}: cannot start: {s}\n  {s}\n", .{ path, what, remedy }));
    system.ExitProcess(unusable);
}

/// Print to standard error: to a console in its own encoding, and in UTF-8 to anything else.
pub fn say(line: []const u8) void {
    const stream = system.GetStdHandle(-12) orelse return;
    var mode: u32 = 0;
    var written: u32 = 0;
    const shown = printable(line);
    if (system.GetConsoleMode(stream, &mode) != 0) {
        const units = system.wide(shown);
        _ = system.WriteConsoleW(stream, units.ptr, @intCast(units.len), &written, null);
    } else _ = system.writeAll(stream, shown, null);
}

/// Return a text without what a terminal obeys, reorders or hides; printable.h does the same.
fn printable(line: []const u8) []const u8 {
    const shown = system.allocator.dupe(u8, line) catch @panic("memory");
    var index: usize = 0;
    while (index < shown.len) : (index += 1) {
        const rest = shown[index..];
        const is_control = (rest[0] < 0x20 and rest[0] != '\n') or rest[0] == 0x7f;
        const is_c1 = rest.len > 1 and rest[0] == 0xc2 and rest[1] >= 0x80 and rest[1] < 0xa0;
        const is_mark = rest.len > 2 and rest[0] == 0xe2 and switch (rest[1]) {
            0x80 => (rest[2] >= 0x8b and rest[2] <= 0x8f) or (rest[2] >= 0xa8 and rest[2] <= 0xae),
            0x81 => rest[2] >= 0xa0 and rest[2] <= 0xaf,
            else => false,
        };
        if (is_control or is_c1 or is_mark) @memset(rest[0..if (is_mark) 3 else if (is_c1) 2 else 1], '?');
    }
    return shown;
}

/// Print a line if ONEBIN_TRACE is set, with the time since the system was started in seconds.
pub fn trace(comptime format: []const u8, values: anytype) void {
    if (system.variable("ONEBIN_TRACE") == null) return;
    const time = system.GetTickCount64();
    say(system.text("onebin: {d}.{d:0>3} launcher: " ++ format ++ "\n", .{ time / 1000, time % 1000 } ++ values));
}

//! Whether a tree is complete, and where it is. Its file `.complete` is written last and removed first:
//!
//!     BOOT SUM
//!     KIND SIZE SUM PATH
//!     ...
//!
//! The first line has the moment at which the system was started when the tree was unpacked, in seconds, and the sum of the
//! other lines, which are the files of the tree. Nothing waits until they are on the disk. After another boot, they are
//! compared with the list once, and after each day their sizes are.

const std = @import("std");
const system = @import("system.zig");
const extract = @import("../extract.zig");
const artifacts = @import("artifact.zig");
const Artifact = artifacts.Artifact;

pub const mark = ".complete";
pub const unpacking = ".unpacking"; // the same before that
const relocations = "relocate";
const configuration = "pyvenv.cfg";
const boot_digits = 20;
const header_size = boot_digits + 1 + 16 + 1;
const prefix = 1 + 1 + 20 + 1 + 16 + 1; // what comes before the path in a line
const day = 24 * 60 * 60 * system.Time.second;
const clock_error = 10; // seconds by which the clock may be set without making it another boot

const Entry = struct {
    size: u64,
    sum: u64,
    path: []const u8,

    /// Take the next line from a list; null at its end, or if it is not a line.
    fn next(list: *[]const u8) ?Entry {
        const end = std.mem.indexOfScalar(u8, list.*, '\n') orelse return null;
        const line = list.*[0..end];
        if (line.len <= prefix) return null;
        list.* = list.*[end + 1 ..];
        const size = std.fmt.parseInt(u64, std.mem.trim(u8, line[2..22], " "), 10) catch return null;
        const sum = std.fmt.parseInt(u64, line[23..39], 16) catch return null;
        return .{ .size = size, .sum = sum, .path = line[prefix..] };
    }
};

/// The moment at which the system was started, in seconds since 1601.
fn boot() u64 {
    return (system.now() - system.GetTickCount64() * (system.Time.second / 1000)) / system.Time.second;
}

const Mark = struct {
    boot: u64,
    sum: u64,
    time: u64,
    list: []const u8,

    fn read(tree: []const u8) ?Mark {
        const handle = system.open(system.path(tree, mark), system.read_access, 7, system.open_existing, 0) orelse return null;
        defer _ = system.CloseHandle(handle);
        const found = system.information(handle) orelse return null;
        const content = system.read(handle) orelse return null;
        if (content.len < header_size or content[header_size - 1] != '\n') return null;
        return .{
            .boot = std.fmt.parseInt(u64, content[0..boot_digits], 10) catch return null,
            .sum = std.fmt.parseInt(u64, content[boot_digits + 1 .. header_size - 1], 16) catch return null,
            .time = found.time(),
            .list = content[header_size..],
        };
    }

    fn isThisBoot(self: Mark) bool {
        return @max(self.boot, boot()) - @min(self.boot, boot()) <= clock_error;
    }

    fn isWhole(self: Mark) bool {
        return extract.sum(self.list) == self.sum;
    }
};

/// Whether a folder is a tree that can be started: with an interpreter, code.bin and a mark, where it was unpacked.
pub fn canStart(artifact: *const Artifact, tree: []const u8) bool {
    const has_interpreter = system.status(system.path(tree, interpreterIn(artifact))) != null;
    return has_interpreter and system.status(system.path(tree, artifacts.code)) != null and isInPlace(tree);
}

pub fn interpreterIn(artifact: *const Artifact) []const u8 {
    return system.text("{s}\\{s}", .{ artifacts.scripts, artifact.interpreter() });
}

pub fn isComplete(tree: []const u8) bool {
    return Mark.read(tree) != null;
}

/// Whether everything is there that was unpacked: looked at once after another boot, and once a day.
pub fn isSound(tree: []const u8) bool {
    const found = Mark.read(tree) orelse return false;
    if (found.isThisBoot() and system.now() -% found.time < day) return true;
    if (!found.isWhole() or compare(tree, null, found.list, !found.isThisBoot()) != 0) return false;
    _ = complete(tree, mark, found.list); // on a disk that cannot be written to, it is looked at again each time
    return true;
}

/// Write the mark of a tree; the file has another name before.
pub fn complete(tree: []const u8, before: []const u8, list: []const u8) bool {
    const is_new = !std.mem.eql(u8, before, mark);
    const handle = system.open(system.path(tree, before), system.write_access, 7, system.open_existing, 0) orelse return false;
    const header = system.text("{d:0>20} {x:0>16}\n", .{ boot(), extract.sum(list) });
    const is_written = system.writeAll(handle, header, 0) and system.writeAll(handle, list, null);
    setTime(handle, system.now());
    _ = system.CloseHandle(handle);
    return is_written and (!is_new or system.move(system.path(tree, before), system.path(tree, mark)));
}

fn setTime(handle: system.Handle, time: u64) void {
    _ = system.SetFileTime(handle, null, null, &time);
}

/// Give something in a tree, or with an empty path the tree itself, a time of change.
pub fn touch(tree: []const u8, path: []const u8, time: u64) bool {
    const write_attributes = 0x100;
    const handle = system.open(system.path(tree, path), write_attributes, 7, system.open_existing, system.folder_flag) orelse return false;
    defer _ = system.CloseHandle(handle);
    setTime(handle, time);
    return true;
}

fn sumOf(tree: []const u8, path: []const u8) ?u64 {
    const handle = system.open(system.path(tree, path), system.read_access, 7, system.open_existing, 0) orelse return null;
    defer _ = system.CloseHandle(handle);
    const found = system.information(handle) orelse return null;
    if (found.size() == 0) return extract.sum("");
    const mapping = system.CreateFileMappingW(handle, null, 2, 0, 0, null) orelse return null;
    defer _ = system.CloseHandle(mapping);
    const content = system.MapViewOfFile(mapping, 4, 0, 0, 0) orelse return null;
    defer _ = UnmapViewOfFile(content);
    return extract.sum(content[0..found.size()]);
}

extern "kernel32" fn UnmapViewOfFile([*]const u8) callconv(.winapi) c_int;

/// Whether a file of a tree is as it was unpacked, or newer than code.bin: then its user has changed it.
fn isSame(tree: []const u8, entry: Entry, unpacked: u64, by_content: bool) bool {
    const found = system.status(system.path(tree, entry.path)) orelse return false;
    if (found.attributes & system.is_folder != 0) return false;
    if (found.time() > unpacked) return true;
    return found.size() == entry.size and (!by_content or sumOf(tree, entry.path) == entry.sum);
}

/// Count what differs between a tree and a list. From a draft, if there is one, move it into the tree.
fn compare(tree: []const u8, draft: ?[]const u8, list: []const u8, by_content: bool) usize {
    const unpacked = (system.status(system.path(tree, artifacts.code)) orelse return 1).time();
    var rest = list;
    var count: usize = 0;
    var is_users: ?bool = null;
    while (Entry.next(&rest)) |entry| {
        if (isSame(tree, entry, unpacked, by_content)) continue;
        if (is_users == null) is_users = isChanged(tree, list);
        if (is_users.? and std.mem.startsWith(u8, entry.path, "Lib/")) continue;
        if (draft == null or moveInto(tree, draft.?, entry.path, unpacked)) count += 1;
    }
    return count;
}

/// Whether the user has installed distributions into a tree. Then whatever is missing there may have been removed.
fn isChanged(tree: []const u8, list: []const u8) bool {
    const folder = "Lib/site-packages";
    for (system.names(system.text("{s}\\Lib\\site-packages", .{tree}))) |name| {
        const listed = system.text(" {s}/{s}/", .{ folder, name });
        if (std.mem.endsWith(u8, name, ".dist-info") and std.mem.indexOf(u8, list, listed) == null) return true;
    }
    return false;
}

fn moveInto(tree: []const u8, draft: []const u8, path: []const u8, time: u64) bool {
    _ = touch(draft, path, time);
    for (path, 0..) |byte, index| if (byte == '/') {
        _ = system.CreateDirectoryW(system.path(tree, path[0..index]), null);
    };
    return system.move(system.path(draft, path), system.path(tree, path));
}

/// Move what is missing or damaged in a tree there from a complete draft. Returns how many files that were.
pub fn restore(tree: []const u8, draft: []const u8) usize {
    const found = Mark.read(draft) orelse return 0;
    const count = compare(tree, draft, found.list, true);
    if (compare(tree, null, found.list, true) == 0) _ = system.move(system.path(draft, mark), system.path(tree, mark));
    return count;
}

/// Write a tree's path into its files, and return its list with their new sizes and sums. Each line of `relocate` is
/// PATH, OFFSET, SIZE and TEXT, separated by tabs: the text, with the path in place of its "@", replaces that many bytes
/// of the file. If the size is 0, it is the file's last line.
pub fn relocate(folder: []const u8, tree: []const u8, list: []const u8) ?[]const u8 {
    var changed: []const u8 = list;
    const handle = system.open(system.path(folder, relocations), system.read_access, 7, system.open_existing, 0) orelse return null;
    defer _ = system.CloseHandle(handle);
    var lines = std.mem.tokenizeScalar(u8, system.read(handle) orelse return null, '\n');
    while (lines.next()) |line| {
        var fields = std.mem.splitScalar(u8, line, '\t');
        const path = fields.next() orelse return null;
        const offset = std.fmt.parseInt(u64, fields.next() orelse return null, 10) catch return null;
        const size = std.fmt.parseInt(u64, fields.next() orelse return null, 10) catch return null;
        const made = std.mem.replaceOwned(u8, system.allocator, fields.rest(), "@", tree) catch return null;
        if (!std.unicode.utf8ValidateSlice(made)) continue; // Python reads pyvenv.cfg as UTF-8
        if (size > 0 and made.len >= size) continue; // works, but not for a copy of the file elsewhere
        if (!replace(folder, path, offset, size, made)) return null;
        changed = listAgain(folder, changed, path) orelse return null;
    }
    // Of the modules, everything that is newer than this file was changed after the tree was unpacked.
    return if (touch(folder, artifacts.code, system.now())) changed else null;
}

fn replace(folder: []const u8, path: []const u8, offset: u64, size: u64, made: []const u8) bool {
    const handle = system.open(system.path(folder, path), system.write_access, 7, system.open_existing, 0) orelse return false;
    defer _ = system.CloseHandle(handle);
    const zeros = system.allocator.alloc(u8, size -| made.len) catch return false;
    @memset(zeros, 0);
    if (!system.writeAll(handle, made, offset) or !system.writeAll(handle, zeros, null)) return false;
    return size > 0 or (system.writeAll(handle, "\n", null) and system.SetEndOfFile(handle) != 0);
}

/// Correct the line of a file that was changed after it was unpacked.
fn listAgain(folder: []const u8, list: []const u8, path: []const u8) ?[]const u8 {
    const found = system.status(system.path(folder, path)) orelse return null;
    const ending = system.text(" {s}\n", .{path});
    const at = std.mem.indexOf(u8, list, ending) orelse return list;
    const start = (at + 1) - prefix;
    const line = system.text("f {d:>20} {x:0>16} {s}\n", .{ found.size(), sumOf(folder, path) orelse return null, path });
    return system.text("{s}{s}{s}", .{ list[0..start], line, list[at + ending.len ..] });
}

/// Whether a tree is still where it was unpacked, by any path. It is not if somebody has moved or copied the cache.
fn isInPlace(tree: []const u8) bool {
    const handle = system.open(system.path(tree, configuration), system.read_access, 7, system.open_existing, 0) orelse return false;
    defer _ = system.CloseHandle(handle);
    const content = system.read(handle) orelse return false;
    const key = "\nhome = ";
    const start = std.mem.indexOf(u8, content, key) orelse return true;
    const rest = content[start + key.len ..];
    const home = std.mem.trim(u8, rest[0 .. std.mem.indexOfScalar(u8, rest, '\n') orelse rest.len], " \r");
    const folder = if (std.mem.lastIndexOfScalar(u8, home, '\\')) |slash| home[0..slash] else return true; // relative
    const there = system.status(system.path(folder, "")) orelse return false;
    const here = system.status(system.path(tree, "")) orelse return false;
    return here.isSame(there);
}

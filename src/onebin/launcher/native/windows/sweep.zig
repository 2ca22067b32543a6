//! Remove trees that are not used any more, and what killed starts left behind.

const std = @import("std");
const system = @import("system.zig");
const artifacts = @import("artifact.zig");
const place = @import("place.zig");
const trees = @import("tree.zig");
const Artifact = artifacts.Artifact;

const day = 24 * 60 * 60 * system.Time.second;
const kept = 3; // trees per bundle: this version and the two used most recently
const unused = 30 * day; // after which any other tree is removed
const unused_outside = 400 * day; // after its last use from outside
const young = 60 * system.Time.second; // within which a new private folder may not be open yet
const outside = "used-from-outside"; // the starter makes it when something uses the tree from outside
const ordinary = 0x80; // FILE_ATTRIBUTE_NORMAL: a file that is read-only cannot be removed

/// Remove what is at a path. What cannot be removed is left for the next time. A link is removed, not followed.
fn remove(path: []const u8) void {
    const at = system.path(path, "");
    const found = system.status(at) orelse return;
    if (found.attributes & system.is_folder == 0) {
        if (system.DeleteFileW(at) == 0 and system.SetFileAttributesW(at, ordinary) != 0) _ = system.DeleteFileW(at);
        return;
    }
    if (found.attributes & system.is_reparse_point == 0)
        for (system.names(path)) |name| remove(system.text("{s}\\{s}", .{ path, name }));
    _ = system.RemoveDirectoryW(at);
}

/// Remove a folder. First it is no longer complete; last of all goes what shows that it is onebin's.
pub fn discard(folder: []const u8) void {
    _ = system.move(system.path(folder, trees.mark), system.path(folder, trees.unpacking));
    for (system.names(folder)) |name|
        if (!std.mem.eql(u8, name, trees.unpacking)) remove(system.text("{s}\\{s}", .{ folder, name }));
    remove(folder);
}

/// Remove a folder in a cache unless a running program has it open: then it cannot be renamed. Returns whether it is gone.
pub fn discardUnused(cache: []const u8, name: []const u8) bool {
    const path = system.text("{s}\\{s}", .{ cache, name });
    if (system.status(system.path(path, "")) == null) return true;
    const aside = system.text("{s}\\.{s}.old", .{ cache, std.mem.trimStart(u8, name, ".") });
    if (system.status(system.path(aside, "")) != null) discard(aside);
    if (system.MoveFileExW(system.path(path, ""), system.path(aside, ""), 0) == 0) return false;
    discard(aside);
    artifacts.trace("removed {s}", .{path});
    return true;
}

/// Whether a name is <stem><digest>: an entry of this bundle, in this or another version. Returns what follows.
fn afterVersion(artifact: *const Artifact, name: []const u8) ?[]const u8 {
    const whole = artifact.stem.len + artifacts.digits;
    if (!std.mem.startsWith(u8, name, artifact.stem) or name.len < whole) return null;
    for (name[artifact.stem.len..whole]) |byte| if (!std.ascii.isHex(byte) or std.ascii.isUpper(byte)) return null;
    return name[whole..];
}

/// When something was changed, or 0 if it is not there.
fn changed(folder: []const u8, name: []const u8) u64 {
    const found = system.status(system.path(folder, name)) orelse return 0;
    return found.time();
}

/// Remove what killed starts left behind, and what has not been used for long. The caller holds the bundle's lock.
pub fn sweep(artifact: *const Artifact, cache: []const u8) void {
    const names = system.names(cache);
    for (names) |name| {
        const is_hidden = name[0] == '.';
        const after = afterVersion(artifact, name[@intFromBool(is_hidden)..]) orelse continue;
        if (is_hidden and after.len > 0) _ = discardUnused(cache, name);
        if (is_hidden or after.len > 0) continue;
        const used = changed(cache, name);
        var later: usize = 0;
        for (names) |other| {
            const rest = afterVersion(artifact, other) orelse continue;
            if (rest.len == 0 and changed(cache, other) > used) later += 1;
        }
        const since = system.now() -| used;
        const since_outside = system.now() -| changed(cache, system.text("{s}\\{s}", .{ name, outside }));
        if (later >= kept - 1 and since > unused and since_outside > unused_outside) _ = discardUnused(cache, name);
    }
}

/// Remove private folders whose starts were killed; those in use cannot be renamed.
pub fn sweepPrivate(base: []const u8) void {
    for (system.names(base)) |name| {
        const tail = 1 + artifacts.digits + 1 + place.letters;
        if (!std.mem.startsWith(u8, name, "onebin-") or name.len < "onebin-".len + 1 + tail) continue;
        const digest = name[name.len - tail + 1 ..][0..artifacts.digits];
        for (digest) |byte| {
            if (!std.ascii.isHex(byte)) break;
        } else {
            const folder = system.text("{s}\\{s}", .{ base, name });
            const is_marked = changed(folder, trees.mark) != 0 or changed(folder, trees.unpacking) != 0;
            if (is_marked and system.now() -| changed(base, name) > young) _ = discardUnused(base, name);
        }
    }
}

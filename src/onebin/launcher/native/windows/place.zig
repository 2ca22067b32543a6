//! Where the payload is unpacked: into this user's cache, or into a private folder for a single run.
//!
//! An entry of the cache is unpacked into a draft beside it and then renamed, so it is complete or does not exist. Whoever
//! uses an entry has its folder open without sharing the right to rename it, and removing an entry begins with a new name.

const std = @import("std");
const system = @import("system.zig");
const extract = @import("../extract.zig");
const artifacts = @import("artifact.zig");
const sweep = @import("sweep.zig");
const trees = @import("tree.zig");
const trust = @import("trust.zig");
const Artifact = artifacts.Artifact;

const patient = 5_000; // milliseconds after which a start says what it waits for
const too_long = 30_000; // and after which it goes on without
const attempts = 5;
pub const letters = 6; // at the end of the name of a draft or of a private folder

/// A tree, which stays where it is while it is open.
pub const Tree = struct { path: []const u8, handle: system.Handle };

/// Return the folder of the n-th candidate for the cache, if there is one; onebin.workspace finds the same place.
pub fn cacheFolder(candidate: usize) ?[]const u8 {
    if (candidate == 0) return system.text("{s}\\artifacts", .{absolute(system.variable("ONEBIN_CACHE_DIR") orelse return null) orelse return null});
    return system.text("{s}\\onebin\\Cache\\artifacts", .{localData() orelse return null});
}

/// Return the n-th candidate for private folders, if there is one.
pub fn temporaryFolder(candidate: usize) ?[]const u8 {
    if (candidate == 1) return system.text("{s}\\Temp", .{localData() orelse return null});
    var buffer: [1024]u16 = undefined;
    const length = system.GetTempPathW(buffer.len, &buffer);
    return if (length == 0 or length >= buffer.len) null else absolute(std.mem.trimEnd(u8, system.narrow(buffer[0..length]), "\\"));
}

/// Return a path with the parts that Windows would read in it, or null if it is relative.
fn absolute(path: []const u8) ?[]const u8 {
    var buffer: [32768]u16 = undefined;
    const is_drive = path.len >= 3 and path[1] == ':' and (path[2] == '\\' or path[2] == '/');
    if (!is_drive and !std.mem.startsWith(u8, path, "\\\\")) return null;
    const length = system.GetFullPathNameW(system.wide(path), buffer.len, &buffer, null);
    return if (length == 0 or length >= buffer.len) null else system.narrow(buffer[0..length]);
}

/// Return the user's folder for data of this machine, as the system knows it: a variable may say anything.
fn localData() ?[]const u8 {
    const from_system = 0x800; // LOAD_LIBRARY_SEARCH_SYSTEM32
    const Find = *const fn (*const [16]u8, u32, ?system.Handle, *?[*:0]const u16) callconv(.winapi) u32;
    const id: [16]u8 = .{ 0x85, 0x27, 0xb3, 0xf1, 0xba, 0x6f, 0xcf, 0x4f, 0x9d, 0x55, 0x7b, 0x8e, 0x7f, 0x15, 0x70, 0x91 };
    const library = system.LoadLibraryExW(system.wide("shell32.dll"), null, from_system) orelse return null;
    const find: Find = @ptrCast(@alignCast(system.GetProcAddress(library, "SHGetKnownFolderPath") orelse return null));
    var found: ?[*:0]const u16 = null;
    const create = 0x8000; // KF_FLAG_CREATE
    return if (find(&id, create, null, &found) == 0) system.narrow(system.span(found.?)) else null;
}

/// Open the folder of a cache, and return its path without links.
pub fn openCache(folder: []const u8) ?[]const u8 {
    const path = trust.walk(folder) orelse return null;
    return if (trust.openOwn(path) == null) null else path;
}

/// Open the tree of this artifact in a cache; make it if it does not exist or has lost its program.
pub fn enter(artifact: *const Artifact, cache: []const u8) ?Tree {
    const path = system.text("{s}\\{s}", .{ cache, artifact.label });
    for (0..attempts) |_| {
        if (trust.openOwn(path)) |handle| {
            const is_there = trees.canStart(artifact, path) and trees.isComplete(path);
            if (is_there and (trees.isSound(path) or mend(artifact, cache, path))) {
                _ = trees.touch(path, "", system.now()); // record this use for sweep
                return .{ .path = path, .handle = handle };
            }
            _ = system.CloseHandle(handle);
            if (is_there) return null;
        } else if (system.GetLastError() != system.not_found and system.GetLastError() != system.in_use) return null;
        if (!ensure(artifact, cache, path)) return null;
    }
    system.SetLastError(system.busy);
    return null;
}

/// Make the entry unless it exists. Starts of one bundle wait for each other here.
fn ensure(artifact: *const Artifact, cache: []const u8, path: []const u8) bool {
    const lock = lockBundle(artifact, cache) orelse return false;
    defer unlock(lock);
    if (trees.canStart(artifact, path) and trees.isComplete(path)) return true;
    // An entry without its program may still be in use; then there is no place for another one.
    if (!sweep.discardUnused(cache, artifact.label)) return false;
    sweep.sweep(artifact, cache);
    const draft = makeDraft(artifact, cache, path) orelse return false;
    if (system.move(system.path(draft, ""), system.path(path, ""))) return true;
    const why = system.GetLastError();
    sweep.discard(draft);
    system.SetLastError(why);
    return false;
}

/// Unpack again what is missing in an entry, which this process holds.
fn mend(artifact: *const Artifact, cache: []const u8, path: []const u8) bool {
    const lock = lockBundle(artifact, cache) orelse return false;
    defer unlock(lock);
    if (trees.isSound(path)) return true;
    const draft = makeDraft(artifact, cache, path) orelse return false;
    const count = trees.restore(path, draft);
    if (count > 0) artifacts.say(system.text("onebin: restored {d} missing or damaged files in {s}\n", .{ count, path }));
    sweep.discard(draft);
    system.SetLastError(system.bad_data);
    return trees.isSound(path);
}

/// Unpack into a new folder beside an entry, and return its path.
fn makeDraft(artifact: *const Artifact, cache: []const u8, path: []const u8) ?[]const u8 {
    const draft = makeNew(system.text("{s}\\.{s}.", .{ cache, artifact.label })) orelse return null;
    return if (unpack(artifact, draft, path)) draft else null;
}

/// Make a folder with a new name, which begins as given.
fn makeNew(beginning: []const u8) ?[]const u8 {
    const alphabet = "abcdefghijklmnopqrstuvwxyz012345";
    for (0..100) |_| {
        var ending: [letters]u8 = undefined;
        if (system.SystemFunction036(&ending, letters) == 0) return null;
        for (&ending) |*byte| byte.* = alphabet[byte.* & 31];
        const path = system.text("{s}{s}", .{ beginning, ending });
        if (trust.makeFolder(path)) return path;
        if (system.GetLastError() != system.already_exists) return null;
    }
    return null;
}

/// Verify and unpack the payload into a folder, for a tree that will be at `path`. Ends this process if the artifact is
/// damaged; false means failure, and then the folder is removed.
fn unpack(artifact: *const Artifact, folder: []const u8, path: []const u8) bool {
    artifacts.trace("unpacking into {s}", .{folder});
    const fails = struct {
        fn with(at: *const Artifact, place: []const u8, what: []const u8) noreturn {
            sweep.discard(place);
            artifacts.fail(at.path, what, "do not trust this file; download or build it again");
        }
    };
    if (!makeMark(folder)) return failed(folder);
    const payload = artifact.payload() orelse return failed(folder);
    const list = extract.extract(folder, payload, &artifact.trailer.payload_sha256) catch |failure| switch (failure) {
        error.WrongDigest => fails.with(artifact, folder, "the payload does not match its digest"),
        else => return if (system.GetLastError() == system.bad_data)
            fails.with(artifact, folder, "the payload is damaged")
        else
            failed(folder),
    };
    const has_program = system.status(system.path(folder, trees.interpreterIn(artifact))) != null and
        system.status(system.path(folder, artifacts.code)) != null;
    if (!has_program) fails.with(artifact, folder, "the payload does not contain the program");
    const placed = trees.relocate(folder, path, std.mem.span(list)) orelse return failed(folder);
    return if (trees.complete(folder, trees.unpacking, placed)) true else failed(folder);
}

/// Show that a folder is onebin's from its first moment on.
fn makeMark(folder: []const u8) bool {
    const at = system.path(folder, trees.unpacking);
    const handle = system.open(at, system.write_access, 0, system.create_new, 0) orelse return false;
    return system.CloseHandle(handle) != 0;
}

fn failed(folder: []const u8) bool {
    const why = system.GetLastError();
    sweep.discard(folder);
    system.SetLastError(why);
    return false;
}

/// Take the lock of a bundle; null if there is none or it took too long. The system releases it when this process ends.
fn lockBundle(artifact: *const Artifact, cache: []const u8) ?system.Handle {
    const at = system.path(cache, system.text(".{s}lock", .{artifact.stem}));
    const access = system.read_access | system.write_access;
    const handle = system.open(at, access, system.share_read | system.share_write, system.open_always, 0) orelse return null;
    const exclusive_now = 2 | 1;
    const begin = system.GetTickCount64();
    var has_told = false;
    var pause: u32 = 1;
    while (true) {
        var far: [4]u64 = .{ 0, 0, 1 << 32, 0 }; // beyond the end, so that the number of the owner can be read
        if (system.LockFileEx(handle, exclusive_now, 0, 1, 0, &far) != 0) break;
        const passed = system.GetTickCount64() - begin;
        if (passed > patient and !has_told) has_told = tell(artifact, handle);
        if (passed > too_long) {
            _ = system.CloseHandle(handle);
            system.SetLastError(system.timeout);
            return null;
        }
        system.Sleep(pause);
        pause = @min(pause * 2, 50);
    }
    const owner = system.text("{d}\n", .{system.GetCurrentProcessId()});
    if (system.writeAll(handle, owner, 0)) _ = system.SetEndOfFile(handle);
    return handle;
}

fn unlock(handle: system.Handle) void {
    const why = system.GetLastError();
    _ = system.CloseHandle(handle);
    system.SetLastError(why);
}

/// Tell whom this start waits for. The file of a bundle's lock has the process that unpacks.
fn tell(artifact: *const Artifact, handle: system.Handle) bool {
    const owner = std.mem.trim(u8, system.read(handle) orelse "", " \r\n");
    const who = if (owner.len == 0) "a process" else system.text("process {s}", .{owner});
    artifacts.say(system.text("onebin: {s} waits for {s}, which unpacks it\n", .{ artifact.program(), who }));
    return true;
}

/// Unpack into a new folder below one for temporary files, for this run only.
pub fn makePrivate(artifact: *const Artifact, base: []const u8) ?Tree {
    const at = trust.walk(base) orelse return null;
    sweep.sweepPrivate(at);
    const path = makeNew(system.text("{s}\\onebin-{s}-", .{ at, artifact.label })) orelse return null;
    if (!unpack(artifact, path, path)) return null;
    return .{ .path = path, .handle = trust.openOwn(path) orelse return null };
}

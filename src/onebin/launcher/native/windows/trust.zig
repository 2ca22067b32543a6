//! Open folders that nobody else can exchange for others, and make folders that only this user can write to.
//!
//! Those who may do as they like anywhere are trusted: the system, administrators, who installed Windows. A folder without
//! an access control list, as on FAT, can be changed by anybody.

const std = @import("std");
const system = @import("system.zig");
const Handle = system.Handle;

/// What others could change; the last error is system.not_safe then.
pub var untrusted: ?[]const u8 = null;

const Entry = extern struct { kind: u8, flags: u8, size: u16, mask: u32, sid: u32 };
const List = extern struct { revision: u8, unused: u8, size: u16, count: u16, unused_too: u16 };

extern "kernel32" fn GetFinalPathNameByHandleW(Handle, [*]u16, u32, u32) callconv(.winapi) u32;
extern "advapi32" fn GetSecurityInfo(Handle, u32, u32, *?*anyopaque, ?*anyopaque, *?*List, ?*anyopaque, *?*anyopaque) callconv(.winapi) u32;
extern "advapi32" fn GetAce(*List, u32, **Entry) callconv(.winapi) c_int;
extern "advapi32" fn EqualSid(*anyopaque, *anyopaque) callconv(.winapi) c_int;
extern "advapi32" fn IsWellKnownSid(*anyopaque, u32) callconv(.winapi) c_int;
extern "advapi32" fn OpenProcessToken(Handle, u32, *Handle) callconv(.winapi) c_int;
extern "advapi32" fn GetTokenInformation(Handle, u32, ?*anyopaque, u32, *u32) callconv(.winapi) c_int;
extern "advapi32" fn ConvertSidToStringSidW(*anyopaque, *[*:0]const u16) callconv(.winapi) c_int;
extern "advapi32" fn ConvertStringSidToSidW([*:0]const u16, *?*anyopaque) callconv(.winapi) c_int;
extern "advapi32" fn ConvertStringSecurityDescriptorToSecurityDescriptorW([*:0]const u16, u32, *?*anyopaque, ?*u32) callconv(.winapi) c_int;

// LocalSystem, BUILTIN\Administrators, CREATOR OWNER and OWNER RIGHTS (the owner is looked at by itself), administrators
// of the domain and of all domains.
const trusted_kinds = [_]u32{ 22, 26, 3, 71, 41, 43 };
const installer = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"; // NT SERVICE\TrustedInstaller

const own_entry = 2 | 4 | 0x40 | 0x10000 | 0x40000 | 0x80000 | 0x10000000 | 0x40000000; // to add or remove anything
const to_exchange = 0x40 | 0x10000 | 0x40000 | 0x80000 | 0x10000000; // to remove or rename the folder, or one in it
const to_remove = 0x10000;
const inherit_only = 8;

pub const Strictness = enum { on_the_way, drive, own };

/// Return the identity of this process's user (a SID).
fn user() ?*anyopaque {
    const state = struct {
        var buffer: [256]u8 align(8) = undefined;
        var found: ?*anyopaque = null;
    };
    var token: Handle = undefined;
    var size: u32 = 0;
    if (state.found != null) return state.found;
    if (OpenProcessToken(system.GetCurrentProcess(), 8, &token) == 0) return null;
    if (GetTokenInformation(token, 1, &state.buffer, state.buffer.len, &size) == 0) return null;
    state.found = @as(*?*anyopaque, @ptrCast(&state.buffer)).*;
    return state.found;
}

fn isTrusted(sid: *anyopaque) bool {
    var other: ?*anyopaque = null;
    if (user()) |own| if (EqualSid(sid, own) != 0) return true;
    for (trusted_kinds) |kind| if (IsWellKnownSid(sid, kind) != 0) return true;
    return ConvertStringSidToSidW(system.wide(installer), &other) != 0 and EqualSid(sid, other.?) != 0;
}

/// Whether nobody but those who are trusted owns an open folder or may do what matters there.
fn isSafe(handle: Handle, strictness: Strictness) bool {
    var owner: ?*anyopaque = null;
    var list: ?*List = null;
    var descriptor: ?*anyopaque = null;
    if (GetSecurityInfo(handle, 1, 1 | 4, &owner, null, &list, null, &descriptor) != 0) return false;
    defer _ = system.LocalFree(descriptor);
    const entries = list orelse return false;
    if (!isTrusted(owner orelse return false)) return false;
    const rights: u32 = switch (strictness) {
        .own => own_entry,
        .on_the_way => to_exchange,
        .drive => to_exchange & ~@as(u32, to_remove), // nobody can rename the root of a drive
    };
    for (0..entries.count) |index| {
        var entry: *Entry = undefined;
        if (GetAce(entries, @intCast(index), &entry) == 0) return false;
        const allows = entry.kind != 1 and entry.flags & inherit_only == 0; // 1: denies
        if (allows and entry.mask & rights != 0 and !(entry.kind == 0 and isTrusted(&entry.sid))) return false;
    }
    return true;
}

/// Open a folder so that nobody can rename or remove it meanwhile, if others cannot exchange what is there.
pub fn openFolder(at: []const u8, strictness: Strictness) ?Handle {
    const how = system.folder_flag | system.no_follow;
    const access = system.query_access | system.list_access;
    const share = system.share_read | system.share_write;
    const path = system.path(at, if (strictness == .drive) "/" else "");
    const handle = system.open(path, access, share, system.open_existing, how) orelse
        system.open(path, system.query_access, share, system.open_existing, how) orelse return null;
    if (isSafe(handle, strictness)) return handle;
    _ = system.CloseHandle(handle);
    untrusted = at;
    system.SetLastError(system.not_safe);
    return null;
}

/// Make a folder that only this user, the system and administrators can use.
pub fn makeFolder(at: []const u8) bool {
    var name: [*:0]const u16 = undefined;
    var descriptor: ?*anyopaque = null;
    if (ConvertSidToStringSidW(user() orelse return false, &name) == 0) return false;
    const rule = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{s})";
    const made = system.wide(system.text(rule, .{system.narrow(system.span(name))}));
    if (ConvertStringSecurityDescriptorToSecurityDescriptorW(made, 1, &descriptor, null) == 0) return false;
    defer _ = system.LocalFree(descriptor);
    const attributes: system.SecurityAttributes = .{ .descriptor = descriptor };
    return system.CreateDirectoryW(system.path(at, ""), &attributes) != 0;
}

/// The length of a path's beginning that is a drive or a share: "C:" or "\\server\share"; null if the path is relative.
fn rootOf(path: []const u8) ?usize {
    if (path.len >= 2 and path[1] == ':' and (path.len == 2 or path[2] == '\\')) return 2;
    if (!std.mem.startsWith(u8, path, "\\\\") or std.mem.startsWith(u8, path, "\\\\?\\") or std.mem.startsWith(u8, path, "\\\\.\\")) return null;
    const server = std.mem.indexOfScalarPos(u8, path, 2, '\\') orelse return null;
    return std.mem.indexOfScalarPos(u8, path, server + 1, '\\') orelse path.len;
}

/// Return where an open folder really is.
fn finalPath(handle: Handle) ?[]const u8 {
    var buffer: [32768]u16 = undefined;
    const length = GetFinalPathNameByHandleW(handle, &buffer, buffer.len, 0);
    if (length == 0 or length >= buffer.len) return null;
    const whole = system.narrow(buffer[0..length]);
    if (std.mem.startsWith(u8, whole, "\\\\?\\UNC\\")) return system.text("\\\\{s}", .{whole[8..]});
    return if (std.mem.startsWith(u8, whole, "\\\\?\\")) whole[4..] else whole;
}

/// Go to a folder at an absolute path, one folder after the other, and return its path without links. Each folder on the
/// way stays open, so that nobody can rename it. What is missing is made.
pub fn walk(wanted: []const u8) ?[]const u8 {
    var path = wanted;
    var links: usize = 0;
    while (links < 40) : (links += 1) {
        path = std.mem.trimEnd(u8, path, "\\");
        var end = rootOf(path) orelse {
            system.SetLastError(system.bad_name);
            return null;
        };
        _ = openFolder(path[0..end], .drive) orelse return null;
        const link = while (end < path.len) {
            end = std.mem.indexOfScalarPos(u8, path, end + 1, '\\') orelse path.len;
            const folder = openOrMake(path[0..end]) orelse return null;
            const found = system.information(folder) orelse return null;
            if (found.attributes & system.is_reparse_point != 0) break path[0..end];
        } else return path;
        const target = system.open(system.path(link, ""), 0, 7, system.open_existing, system.folder_flag) orelse return null;
        path = system.text("{s}{s}", .{ finalPath(target) orelse return null, path[end..] });
    }
    system.SetLastError(system.bad_name);
    return null;
}

fn openOrMake(path: []const u8) ?Handle {
    if (openFolder(path, .on_the_way)) |folder| return folder;
    if (system.GetLastError() != system.not_found) return null;
    if (!makeFolder(path) and system.GetLastError() != system.already_exists) return null;
    return openFolder(path, .on_the_way);
}

/// Open a folder that belongs to this user, is not a link, and cannot be written to by anyone else.
pub fn openOwn(path: []const u8) ?Handle {
    const handle = openFolder(path, .own) orelse return null;
    const found = system.information(handle) orelse return null;
    if (found.attributes & system.is_folder != 0 and found.attributes & system.is_reparse_point == 0) return handle;
    _ = system.CloseHandle(handle);
    untrusted = path;
    system.SetLastError(system.not_safe);
    return null;
}

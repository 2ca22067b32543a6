//! The launcher for Windows: the executable part of an artifact.
//!
//! It unpacks the payload once, into a folder that only its user can write to: a tree, which is an installation of Python
//! with the program in it. Then it runs that tree's interpreter, with this file as the script. docs/launcher.md has the
//! details. What it has in common with the launcher of the other systems is the file's format and the unpacking.

const std = @import("std");
const system = @import("system.zig");
const artifacts = @import("artifact.zig");
const place = @import("place.zig");
const runs = @import("run.zig");
const sweep = @import("sweep.zig");
const trees = @import("tree.zig");
const trust = @import("trust.zig");

comptime {
    _ = @import("library.zig");
}

pub const std_options: std.Options = .{ .enable_segfault_handler = false };
pub const panic = std.debug.no_panic;

/// Why each place was unsuitable, for the error message.
var reasons: []const u8 = "";

fn note(path: []const u8) void {
    const why = if (trust.untrusted) |other|
        system.text("{s} belongs to another user, or others may change it", .{other})
    else
        system.reason();
    trust.untrusted = null;
    artifacts.trace("{s}: {s}", .{ path, why });
    reasons = system.text("{s}{s}{s}: {s}", .{ reasons, if (reasons.len == 0) "" else "; ", path, why });
}

pub fn main() void {
    _ = system.SetDefaultDllDirectories(0x800); // only the system's own libraries, whatever is beside this file
    const artifact = artifacts.open();
    artifacts.trace("this is {s}", .{artifact.path});
    if (artifact.trailer.payload_size == 0) runBeside(&artifact);
    for (0..2) |candidate| {
        const folder = place.cacheFolder(candidate) orelse continue;
        if (place.openCache(folder)) |cache| if (place.enter(&artifact, cache)) |tree| {
            if (runs.run(&artifact, tree.path)) |code| system.ExitProcess(code);
        };
        note(folder);
    }
    for (0..2) |candidate| {
        const folder = place.temporaryFolder(candidate) orelse continue;
        if (place.makePrivate(&artifact, folder)) |tree| runPrivate(&artifact, tree);
        note(folder);
    }
    artifacts.fail(artifact.path, reasons, "set ONEBIN_CACHE_DIR to a folder of your own on a disk with free space");
}

/// Run the tree that is the folder of this file. Anybody may own it, like any installation.
fn runBeside(artifact: *const artifacts.Artifact) noreturn {
    const end = std.mem.lastIndexOfScalar(u8, artifact.path, '\\') orelse 0;
    const folder = artifact.path[0..end];
    if (trees.canStart(artifact, folder)) if (runs.run(artifact, folder)) |code| system.ExitProcess(code);
    artifacts.fail(artifact.path, system.reason(), "this file works only in its folder: copy or build the whole folder again");
}

/// Run a tree for this run only, and remove it, unless a process that the program has started still uses it.
fn runPrivate(artifact: *const artifacts.Artifact, tree: place.Tree) void {
    const code = runs.run(artifact, tree.path);
    const why = system.GetLastError();
    _ = system.CloseHandle(tree.handle);
    const end = std.mem.lastIndexOfScalar(u8, tree.path, '\\') orelse 0;
    _ = sweep.discardUnused(tree.path[0..end], tree.path[end + 1 ..]);
    if (code) |number| system.ExitProcess(number);
    system.SetLastError(why);
}

//! Start the tree's interpreter, and be to it what a shell sees: the same console, streams and signals, and its exit code.

const std = @import("std");
const system = @import("system.zig");
const artifacts = @import("artifact.zig");
const trees = @import("tree.zig");
const Artifact = artifacts.Artifact;

const forever = 0xffffffff;
var child: ?system.Handle = null;

/// Leave what the user of a console wants to the program, which is told, too. When the console is closed or the user logs
/// off, this process ends as soon as this returns, and with it the program: so it gets the time that the system allows.
fn leaveToProgram(event: u32) callconv(.winapi) c_int {
    const is_end = event >= 2;
    if (is_end) if (child) |process| {
        _ = system.WaitForSingleObject(process, forever);
    };
    return 1;
}

/// Return the arguments as they were given: what follows the program's name in the command line.
fn arguments() []const u16 {
    const line = system.span(system.GetCommandLineW());
    var is_quoted = false;
    for (line, 0..) |unit, index| {
        if (unit == '"') is_quoted = !is_quoted;
        if ((unit == ' ' or unit == '\t') and !is_quoted) return line[index..];
    }
    return &.{};
}

/// What the C library of the program finds of this one: open files, the standard streams, the window.
fn startupInfo() system.StartupInfo {
    var info: system.StartupInfo = .{};
    system.GetStartupInfoW(&info);
    info.flags &= ~@as(u32, 0x200 | 0x400); // what is in the place of standard input then
    for (&info.streams, [_]i32{ -10, -11, -12 }) |*stream, number| {
        stream.* = system.GetStdHandle(number);
        if (stream.*) |handle| _ = system.SetHandleInformation(handle, 1, 1);
    }
    info.flags |= 0x100; // STARTF_USESTDHANDLES
    return info;
}

/// Return a job whose processes end with this one. What the program itself starts is not in it, and may go on.
fn makeJob() ?system.Handle {
    const Limits = extern struct { times: [2]u64 = @splat(0), flags: u32, rest: [124]u8 align(4) = @splat(0) };
    const job = system.CreateJobObjectW(null, null) orelse return null;
    var limits: Limits = .{ .flags = 0x2000 | 0x1000 }; // KILL_ON_JOB_CLOSE, SILENT_BREAKAWAY_OK
    return if (system.SetInformationJobObject(job, 9, &limits, @sizeOf(Limits)) != 0) job else null;
}

/// Run the interpreter of a tree with the artifact as its script, and return its exit code; null if it does not start.
pub fn run(artifact: *const Artifact, tree: []const u8) ?u32 {
    const suspended = 4;
    const file = system.text("{s}\\{s}", .{ tree, trees.interpreterIn(artifact) });
    const named = system.wide(system.text("\"{s}\" \"{s}\"", .{ file, artifact.path }));
    const line = std.mem.concatWithSentinel(system.allocator, u16, &.{ named, arguments() }, 0) catch return null;
    const application = if (file.len < 260) system.wide(file) else system.path(file, "");
    var info = startupInfo();
    var process: system.ProcessInformation = undefined;
    _ = system.SetConsoleCtrlHandler(&leaveToProgram, 1);
    artifacts.trace("starting {s}", .{file});
    if (system.CreateProcessW(application, line, null, null, 1, suspended, null, null, &info, &process) == 0) return null;
    child = process.process;
    if (makeJob()) |job| _ = system.AssignProcessToJobObject(job, process.process);
    _ = system.ResumeThread(process.thread);
    var code: u32 = artifacts.unusable;
    _ = system.WaitForSingleObject(process.process, forever);
    _ = system.GetExitCodeProcess(process.process, &code);
    return code;
}

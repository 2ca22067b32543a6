//! What the launcher uses of Windows: functions of kernel32, advapi32 and ntdll, which the system takes from its own folder
//! whatever is beside the program (they are "known DLLs"). Texts are UTF-16; a path in the form `\\?\` may have any length.

const std = @import("std");

pub const Handle = *anyopaque;
pub const Text = [:0]const u16;
const Bool = c_int;
pub const invalid: Handle = @ptrFromInt(std.math.maxInt(usize));

/// The launcher ends soon, or waits for its program: memory is never freed.
pub var arena: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
pub const allocator = arena.allocator();

pub const read_access = 0x80000000;
pub const write_access = 0x40000000;
pub const delete_access = 0x00010000;
pub const list_access = 1; // of a folder: with less, it can be renamed while it is open
pub const query_access = 0x00020080; // attributes and security
pub const share_read = 1;
pub const share_write = 2;
pub const share_delete = 4;
pub const create_new = 1;
pub const open_existing = 3;
pub const open_always = 4;
pub const folder_flag = 0x02000000; // FILE_FLAG_BACKUP_SEMANTICS
pub const no_follow = 0x00200000; // FILE_FLAG_OPEN_REPARSE_POINT
pub const is_folder = 0x10;
pub const is_reparse_point = 0x400;

pub const not_found = 2;
pub const no_path = 3;
pub const denied = 5;
pub const write_protected = 19;
pub const in_use = 32; // ERROR_SHARING_VIOLATION
pub const locked = 33;
pub const exists = 80;
pub const bad_name = 123;
pub const busy = 170;
pub const already_exists = 183;
pub const timeout = 1460;
pub const bad_data = 13;
pub const not_safe = 1307; // ERROR_INVALID_OWNER

pub const Time = packed struct(u64) {
    ticks: u64, // of 100 ns since 1601

    pub const second = 10_000_000;
};

pub const Information = extern struct {
    attributes: u32,
    created: [2]u32,
    accessed: [2]u32,
    modified: [2]u32,
    volume: u32,
    size_high: u32,
    size_low: u32,
    links: u32,
    index_high: u32,
    index_low: u32,

    pub fn size(self: Information) u64 {
        return @as(u64, self.size_high) << 32 | self.size_low;
    }

    pub fn time(self: Information) u64 {
        return @bitCast(self.modified);
    }

    pub fn isSame(self: Information, other: Information) bool {
        return self.volume == other.volume and self.index_high == other.index_high and self.index_low == other.index_low;
    }
};

pub const Found = extern struct {
    attributes: u32,
    created: [2]u32,
    accessed: [2]u32,
    modified: [2]u32,
    size_high: u32,
    size_low: u32,
    reserved: [2]u32,
    name: [260]u16,
    short: [14]u16,
};

pub const SecurityAttributes = extern struct { size: u32 = @sizeOf(SecurityAttributes), descriptor: ?*anyopaque, inherits: Bool = 0 };

pub const StartupInfo = extern struct {
    size: u32 = @sizeOf(StartupInfo),
    reserved: ?*anyopaque = null,
    desktop: ?*anyopaque = null,
    title: ?*anyopaque = null,
    sizes: [7]u32 = @splat(0),
    flags: u32 = 0,
    show: u16 = 0,
    inherited_size: u16 = 0, // of the open files of the C library, which the next program takes from here
    inherited: ?*anyopaque = null,
    streams: [3]?Handle = @splat(null),
};

pub const ProcessInformation = extern struct { process: Handle, thread: Handle, process_id: u32, thread_id: u32 };

pub extern "kernel32" fn GetLastError() callconv(.winapi) u32;
pub extern "kernel32" fn SetLastError(u32) callconv(.winapi) void;
pub extern "kernel32" fn CreateFileW([*:0]const u16, u32, u32, ?*const SecurityAttributes, u32, u32, ?Handle) callconv(.winapi) Handle;
pub extern "kernel32" fn ReadFile(Handle, [*]u8, u32, *u32, ?*anyopaque) callconv(.winapi) Bool;
pub extern "kernel32" fn WriteFile(Handle, [*]const u8, u32, *u32, ?*anyopaque) callconv(.winapi) Bool;
pub extern "kernel32" fn CloseHandle(Handle) callconv(.winapi) Bool;
pub extern "kernel32" fn CreateDirectoryW([*:0]const u16, ?*const SecurityAttributes) callconv(.winapi) Bool;
pub extern "kernel32" fn RemoveDirectoryW([*:0]const u16) callconv(.winapi) Bool;
pub extern "kernel32" fn DeleteFileW([*:0]const u16) callconv(.winapi) Bool;
pub extern "kernel32" fn SetFileAttributesW([*:0]const u16, u32) callconv(.winapi) Bool;
pub extern "kernel32" fn MoveFileExW([*:0]const u16, [*:0]const u16, u32) callconv(.winapi) Bool;
pub extern "kernel32" fn SetFilePointerEx(Handle, i64, ?*i64, u32) callconv(.winapi) Bool;
pub extern "kernel32" fn SetEndOfFile(Handle) callconv(.winapi) Bool;
pub extern "kernel32" fn SetFileTime(Handle, ?*const u64, ?*const u64, ?*const u64) callconv(.winapi) Bool;
pub extern "kernel32" fn GetFileInformationByHandle(Handle, *Information) callconv(.winapi) Bool;
pub extern "kernel32" fn FindFirstFileW([*:0]const u16, *Found) callconv(.winapi) Handle;
pub extern "kernel32" fn FindNextFileW(Handle, *Found) callconv(.winapi) Bool;
pub extern "kernel32" fn FindClose(Handle) callconv(.winapi) Bool;
pub extern "kernel32" fn LockFileEx(Handle, u32, u32, u32, u32, *[4]u64) callconv(.winapi) Bool;
pub extern "kernel32" fn CreateFileMappingW(Handle, ?*anyopaque, u32, u32, u32, ?[*:0]const u16) callconv(.winapi) ?Handle;
pub extern "kernel32" fn MapViewOfFile(Handle, u32, u32, u32, usize) callconv(.winapi) ?[*]const u8;
pub extern "kernel32" fn GetModuleFileNameW(?Handle, [*]u16, u32) callconv(.winapi) u32;
pub extern "kernel32" fn GetCommandLineW() callconv(.winapi) [*:0]const u16;
pub extern "kernel32" fn GetEnvironmentVariableW([*:0]const u16, [*]u16, u32) callconv(.winapi) u32;
pub extern "kernel32" fn GetTempPathW(u32, [*]u16) callconv(.winapi) u32;
pub extern "kernel32" fn GetFullPathNameW([*:0]const u16, u32, [*]u16, ?*anyopaque) callconv(.winapi) u32;
pub extern "kernel32" fn GetStdHandle(i32) callconv(.winapi) ?Handle;
pub extern "kernel32" fn GetConsoleMode(Handle, *u32) callconv(.winapi) Bool;
pub extern "kernel32" fn WriteConsoleW(Handle, [*]const u16, u32, *u32, ?*anyopaque) callconv(.winapi) Bool;
pub extern "kernel32" fn SetConsoleCtrlHandler(?*const fn (u32) callconv(.winapi) Bool, Bool) callconv(.winapi) Bool;
pub extern "kernel32" fn GetStartupInfoW(*StartupInfo) callconv(.winapi) void;
pub extern "kernel32" fn SetHandleInformation(Handle, u32, u32) callconv(.winapi) Bool;
pub extern "kernel32" fn CreateProcessW(?[*:0]const u16, [*:0]u16, ?*anyopaque, ?*anyopaque, Bool, u32, ?*anyopaque, ?[*:0]const u16, *StartupInfo, *ProcessInformation) callconv(.winapi) Bool;
pub extern "kernel32" fn CreateJobObjectW(?*anyopaque, ?[*:0]const u16) callconv(.winapi) ?Handle;
pub extern "kernel32" fn SetInformationJobObject(Handle, u32, *anyopaque, u32) callconv(.winapi) Bool;
pub extern "kernel32" fn AssignProcessToJobObject(Handle, Handle) callconv(.winapi) Bool;
pub extern "kernel32" fn ResumeThread(Handle) callconv(.winapi) u32;
pub extern "kernel32" fn WaitForSingleObject(Handle, u32) callconv(.winapi) u32;
pub extern "kernel32" fn GetExitCodeProcess(Handle, *u32) callconv(.winapi) Bool;
pub extern "kernel32" fn ExitProcess(u32) callconv(.winapi) noreturn;
pub extern "kernel32" fn GetCurrentProcess() callconv(.winapi) Handle;
pub extern "kernel32" fn GetCurrentProcessId() callconv(.winapi) u32;
pub extern "kernel32" fn GetTickCount64() callconv(.winapi) u64;
pub extern "kernel32" fn GetSystemTimeAsFileTime(*u64) callconv(.winapi) void;
pub extern "kernel32" fn Sleep(u32) callconv(.winapi) void;
pub extern "kernel32" fn FormatMessageW(u32, ?*anyopaque, u32, u32, [*]u16, u32, ?*anyopaque) callconv(.winapi) u32;
pub extern "kernel32" fn SetDefaultDllDirectories(u32) callconv(.winapi) Bool;
pub extern "kernel32" fn LoadLibraryExW([*:0]const u16, ?Handle, u32) callconv(.winapi) ?Handle;
pub extern "kernel32" fn GetProcAddress(Handle, [*:0]const u8) callconv(.winapi) ?*const anyopaque;
pub extern "kernel32" fn LocalFree(?*anyopaque) callconv(.winapi) ?*anyopaque;
pub extern "advapi32" fn SystemFunction036([*]u8, u32) callconv(.winapi) u8; // RtlGenRandom

/// Return a UTF-8 text as UTF-16. What is not UTF-8 has the encoding of single surrogates (WTF-8), or is an error.
pub fn wide(utf8: []const u8) Text {
    return std.unicode.wtf8ToWtf16LeAllocZ(allocator, utf8) catch @panic("memory");
}

pub fn narrow(utf16: []const u16) []const u8 {
    return std.unicode.wtf16LeToWtf8Alloc(allocator, utf16) catch @panic("memory");
}

pub fn text(comptime format: []const u8, values: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, format, values) catch @panic("memory");
}

pub fn span(pointer: [*:0]const u16) []const u16 {
    return std.mem.span(pointer);
}

/// Return a path below a folder, both in UTF-8, for functions of Windows. Parts of `below` may be separated by "/".
pub fn path(folder: []const u8, below: []const u8) Text {
    const whole = if (below.len == 0) text("{s}", .{folder}) else text("{s}\\{s}", .{ folder, below });
    const changed = allocator.dupe(u8, whole) catch @panic("memory");
    std.mem.replaceScalar(u8, changed, '/', '\\');
    if (std.mem.startsWith(u8, changed, "\\\\?\\")) return wide(changed);
    if (std.mem.startsWith(u8, changed, "\\\\")) return wide(text("\\\\?\\UNC\\{s}", .{changed[2..]}));
    return wide(text("\\\\?\\{s}", .{changed}));
}

pub fn now() u64 {
    var time: u64 = undefined;
    GetSystemTimeAsFileTime(&time);
    return time;
}

pub fn information(handle: Handle) ?Information {
    var found: Information = undefined;
    return if (GetFileInformationByHandle(handle, &found) != 0) found else null;
}

/// Open something; other programs, such as scanners for viruses, may have it open for a moment.
pub fn open(at: Text, access: u32, share: u32, how: u32, flags: u32) ?Handle {
    var pause: u32 = 1;
    while (true) : (pause *= 2) {
        const handle = CreateFileW(at, access, share, null, how, flags, null);
        if (handle != invalid) return handle;
        if (GetLastError() != in_use or pause > 256) return null;
        Sleep(pause);
    }
}

pub fn status(at: Text) ?Information {
    const handle = open(at, 0, share_read | share_write | share_delete, open_existing, folder_flag | no_follow) orelse return null;
    defer _ = CloseHandle(handle);
    return information(handle);
}

/// Rename something, and put it in the place of a file if there is one. Whoever examines new files has them open meanwhile.
pub fn move(from: Text, to: Text) bool {
    const replace = 1;
    var pause: u32 = 1;
    while (MoveFileExW(from, to, replace) == 0) : (pause *= 2) {
        const why = GetLastError();
        if ((why != denied and why != in_use) or pause > 2048 or status(from) == null) {
            SetLastError(why);
            return false;
        }
        if (status(to)) |there| if (there.attributes & is_folder != 0) {
            SetLastError(already_exists);
            return false;
        };
        Sleep(pause);
    }
    return true;
}

/// Return the content of a file.
pub fn read(handle: Handle) ?[]u8 {
    const size = (information(handle) orelse return null).size();
    const content = allocator.alloc(u8, size) catch return null;
    _ = SetFilePointerEx(handle, 0, null, 0);
    var done: usize = 0;
    while (done < size) {
        var got: u32 = 0;
        if (ReadFile(handle, content.ptr + done, @intCast(@min(size - done, 1 << 30)), &got, null) == 0) return null;
        if (got == 0) break;
        done += got;
    }
    return content[0..done];
}

pub fn writeAll(handle: Handle, content: []const u8, offset: ?u64) bool {
    if (offset) |start| if (SetFilePointerEx(handle, @intCast(start), null, 0) == 0) return false;
    var rest = content;
    while (rest.len > 0) {
        var written: u32 = 0;
        if (WriteFile(handle, rest.ptr, @intCast(@min(rest.len, 1 << 30)), &written, null) == 0) return false;
        rest = rest[written..];
    }
    return true;
}

/// Return the names in a folder.
pub fn names(folder: []const u8) []const []const u8 {
    var all: std.ArrayList([]const u8) = .empty;
    var found: Found = undefined;
    const search = FindFirstFileW(path(folder, "*"), &found);
    if (search == invalid) return &.{};
    defer _ = FindClose(search);
    while (true) {
        const name = narrow(std.mem.sliceTo(&found.name, 0));
        if (!std.mem.eql(u8, name, ".") and !std.mem.eql(u8, name, "..")) all.append(allocator, name) catch @panic("memory");
        if (FindNextFileW(search, &found) == 0) return all.items;
    }
}

/// Return the value of a variable of the environment in UTF-8, or null if it is empty or not set.
pub fn variable(name: []const u8) ?[]const u8 {
    var buffer: [32768]u16 = undefined;
    const length = GetEnvironmentVariableW(wide(name), &buffer, buffer.len);
    return if (length == 0 or length >= buffer.len) null else narrow(buffer[0..length]);
}

/// Return what the system says about the last error, without its end of line.
pub fn reason() []const u8 {
    const code = GetLastError();
    if (code == timeout) return "another start did not finish unpacking in time";
    if (code == bad_data) return "the payload is damaged";
    var buffer: [512]u16 = undefined;
    const length = FormatMessageW(0x1000 | 0x200 | 0xff, null, code, 0, &buffer, buffer.len, null);
    const said = std.mem.trim(u8, narrow(buffer[0..length]), " .\r\n");
    return if (said.len == 0) text("error {d}", .{code}) else said;
}

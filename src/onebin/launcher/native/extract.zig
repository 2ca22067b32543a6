//! Verify and unpack a payload. SHA-256 and tar come from Zig's standard library, zstd from libzstd.
//!
//! A payload is a tar archive in independent zstd frames, which are unpacked by several threads. The first has the folders.
//! Links are made last of all, so nothing is ever written through one.

const std = @import("std");
const builtin = @import("builtin");
const files = if (builtin.os.tag == .windows) @import("windows/files.zig") else @import("posix/files.zig");
const Sha256 = std.crypto.hash.sha2.Sha256;
const XxHash = std.hash.XxHash64;
const allocator = if (builtin.link_libc) std.heap.c_allocator else std.heap.smp_allocator;

const most_threads = 8;
const stack_size = 1 << 20;
const frame_magic = 0xFD2FB528;

/// Unpack into a directory while hashing the payload. If that fails, the caller must discard the files. Returns a list with
/// a line for each file and link. A failure that is the system's sets the last error; error.WrongDigest is about the payload.
pub fn extract(directory: files.Directory, payload: []const u8, sha256: *const [32]u8) ![*:0]u8 {
    var digest: [32]u8 = undefined;
    const hashing = std.Thread.spawn(.{ .stack_size = stack_size }, hash, .{ payload, &digest }) catch null;
    files.setError(0);
    var unpacking: Unpacking = .{ .directory = directory };
    const outcome = unpacking.run(payload);
    const why = if (unpacking.why != 0) unpacking.why else files.lastError();
    if (hashing) |thread| thread.join() else hash(payload, &digest);
    if (!std.mem.eql(u8, &digest, sha256)) return error.WrongDigest;
    return outcome catch {
        files.setError(if (why != 0) why else files.bad_message); // no system call failed: the payload is bad
        return error.System;
    };
}

comptime {
    if (builtin.os.tag != .windows) {
        @export(&extractForC, .{ .name = "onebin_extract" });
        @export(&sumForC, .{ .name = "onebin_sum" });
    }
}

/// Returns 0, or -1 with errno set, or 1 if the digest is wrong.
fn extractForC(directory: c_int, payload: [*]const u8, size: usize, sha256: *const [32]u8, list: *[*:0]u8) callconv(.c) c_int {
    list.* = extract(directory, payload[0..size], sha256) catch |failure| return if (failure == error.WrongDigest) 1 else -1;
    return 0;
}

fn sumForC(bytes: [*]const u8, size: usize) callconv(.c) u64 {
    return sum(bytes[0..size]);
}

/// The sum of a file's content, as it is in the list. It tells damage, but not malice.
pub fn sum(bytes: []const u8) u64 {
    return XxHash.hash(0, bytes);
}

extern fn getauxval(kind: c_ulong) c_ulong;
const hardware_capabilities = 16; // AT_HWCAP
const sha2 = 1 << 6; // HWCAP_SHA2

extern fn onebin_sha256(bytes: [*]const u8, size: usize, digest: *[32]u8) void;

fn hash(bytes: []const u8, digest: *[32]u8) void {
    if (hasInstructions()) onebin_sha256(bytes.ptr, bytes.len, digest) else Sha256.hash(bytes, digest, .{});
}

/// Whether this processor can run what is in sha256.zig.
fn hasInstructions() bool {
    switch (builtin.cpu.arch) {
        .aarch64 => return builtin.os.tag != .linux or getauxval(hardware_capabilities) & sha2 != 0,
        .x86_64 => {
            const avx: u32 = 1 << 27 | 1 << 28; // the system saves the registers, too
            if (cpuid(0).eax < 7 or cpuid(1).ecx & avx != avx) return false;
            const saved = asm volatile ("xgetbv"
                : [result] "={eax}" (-> u32),
                : [register] "{ecx}" (@as(u32, 0)),
                : .{ .edx = true });
            const avx2_and_sha: u32 = 1 << 5 | 1 << 29;
            return saved & 6 == 6 and cpuid(7).ebx & avx2_and_sha == avx2_and_sha;
        },
        else => return false,
    }
}

const Leaf = struct { eax: u32, ebx: u32, ecx: u32 };

fn cpuid(leaf: u32) Leaf {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    asm volatile ("cpuid"
        : [eax] "={eax}" (eax),
          [ebx] "={ebx}" (ebx),
          [ecx] "={ecx}" (ecx),
        : [leaf] "{eax}" (leaf),
          [part] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx };
}

const Buffer = extern struct { bytes: ?*const anyopaque, size: usize, done: usize = 0 };
extern fn ZSTD_createDStream() ?*anyopaque;
extern fn ZSTD_freeDStream(stream: ?*anyopaque) usize;
extern fn ZSTD_DCtx_setParameter(stream: ?*anyopaque, parameter: c_int, value: c_int) usize;
extern fn ZSTD_decompressStream(stream: ?*anyopaque, output: *Buffer, input: *Buffer) usize;
extern fn ZSTD_findFrameCompressedSize(bytes: [*]const u8, size: usize) usize;
extern fn ZSTD_isError(code: usize) c_uint;

/// A reader that decompresses a frame with libzstd; Zig's own decoder is fifty times slower.
const Decompressed = struct {
    stream: *anyopaque,
    input: Buffer,
    is_over: bool = false,
    reader: std.Io.Reader,

    const window_log_max = 100; // ZSTD_d_windowLogMax

    fn init(frame: []const u8, buffer: []u8) !Decompressed {
        const stream = ZSTD_createDStream() orelse return error.OutOfMemory;
        _ = ZSTD_DCtx_setParameter(stream, window_log_max, 30);
        return .{
            .stream = stream,
            .input = .{ .bytes = frame.ptr, .size = frame.len },
            .reader = .{ .vtable = &.{ .stream = read }, .buffer = buffer, .seek = 0, .end = 0 },
        };
    }

    fn read(reader: *std.Io.Reader, writer: *std.Io.Writer, limit: std.Io.Limit) std.Io.Reader.StreamError!usize {
        const self: *Decompressed = @alignCast(@fieldParentPtr("reader", reader));
        if (self.is_over) return error.EndOfStream;
        const free = limit.slice(try writer.writableSliceGreedy(1));
        var output: Buffer = .{ .bytes = free.ptr, .size = free.len };
        const code = ZSTD_decompressStream(self.stream, &output, &self.input);
        const is_truncated = code != 0 and output.done == 0 and self.input.done == self.input.size;
        if (ZSTD_isError(code) != 0 or is_truncated) return error.ReadFailed;
        self.is_over = code == 0;
        writer.advance(output.done);
        return output.done;
    }
};

/// A frame, and what was found in it: lines of the list, and links as pairs of NUL-terminated name and target.
const Frame = struct {
    bytes: []const u8,
    list: std.ArrayList(u8) = .empty,
    links: std.ArrayList(u8) = .empty,
};

const Unpacking = struct {
    directory: files.Directory,
    frames: std.ArrayList(Frame) = .empty,
    next: std.atomic.Value(usize) = .init(1),
    has_failed: std.atomic.Value(bool) = .init(false),
    why: c_int = 0,

    /// Unpack everything and return the list.
    fn run(self: *Unpacking, payload: []const u8) ![*:0]u8 {
        try self.split(payload);
        try self.unpack(0);
        var threads: [most_threads]?std.Thread = @splat(null);
        const wanted = @min(std.Thread.getCpuCount() catch 1, most_threads, self.frames.items.len);
        for (threads[1..@max(wanted, 1)]) |*thread|
            thread.* = std.Thread.spawn(.{ .stack_size = stack_size }, work, .{self}) catch null;
        self.work();
        for (threads) |thread| if (thread) |started| started.join();
        if (self.has_failed.load(.acquire)) return error.Failed;
        var list: std.ArrayList(u8) = .empty;
        for (self.frames.items) |*frame| try checkLinks(self.directory, frame);
        for (self.frames.items) |*frame| try makeLinks(self.directory, frame);
        for (self.frames.items) |frame| try list.appendSlice(allocator, frame.list.items);
        return (try list.toOwnedSliceSentinel(allocator, 0)).ptr;
    }

    fn split(self: *Unpacking, payload: []const u8) !void {
        var rest = payload;
        while (rest.len > 0) {
            const size = ZSTD_findFrameCompressedSize(rest.ptr, rest.len);
            if (ZSTD_isError(size) != 0 or size < 4 or size > rest.len) return error.BadFrame;
            if (std.mem.readInt(u32, rest[0..4], .little) != frame_magic) return error.BadFrame;
            try self.frames.append(allocator, .{ .bytes = rest[0..size] });
            rest = rest[size..];
        }
        if (self.frames.items.len == 0) return error.BadFrame;
    }

    /// Unpack the frames that no thread has taken yet.
    fn work(self: *Unpacking) void {
        while (!self.has_failed.load(.acquire)) {
            const index = self.next.fetchAdd(1, .monotonic);
            if (index >= self.frames.items.len) return;
            files.setError(0);
            self.unpack(index) catch {
                if (!self.has_failed.swap(true, .acq_rel)) self.why = files.lastError();
            };
        }
    }

    fn unpack(self: *Unpacking, index: usize) !void {
        const buffers = try allocator.create(Buffers);
        defer allocator.destroy(buffers);
        const frame = &self.frames.items[index];
        var plain: Decompressed = try .init(frame.bytes, &buffers.plain);
        defer _ = ZSTD_freeDStream(plain.stream);
        var members: std.tar.Iterator = .init(&plain.reader, .{
            .file_name_buffer = &buffers.name,
            .link_name_buffer = &buffers.target,
        });
        while (try members.next()) |file| {
            if (!isPlain(file.name) or !files.isName(file.name)) return error.BadName;
            const name = try terminated(&buffers.path, file.name);
            switch (file.kind) {
                .directory => try files.makeFolder(self.directory, name),
                .sym_link => {
                    if (!staysInside(file.name, file.link_name)) return error.BadLink;
                    for ([_][]const u8{ file.name, file.link_name }) |text| {
                        try frame.links.appendSlice(allocator, text);
                        try frame.links.append(allocator, 0);
                    }
                    try frame.list.print(allocator, line, .{ 'l', file.link_name.len, 0, file.name });
                },
                .file => {
                    const written = try write(self.directory, name, file, &members);
                    try frame.list.print(allocator, line, .{ 'f', file.size, written, file.name });
                },
            }
        }
        try expectEnd(&plain.reader, index + 1 == self.frames.items.len);
    }

    const line = "{c} {d:>20} {x:0>16} {s}\n";
};

/// What a thread needs, too much for its stack.
const Buffers = struct {
    plain: [1 << 17]u8,
    name: [std.fs.max_path_bytes]u8,
    target: [std.fs.max_path_bytes]u8,
    path: [std.fs.max_path_bytes]u8,
};

/// Expect nothing but zeros after the end mark, which only the last frame has.
fn expectEnd(reader: *std.Io.Reader, is_last: bool) !void {
    while (true) {
        const rest = reader.peekGreedy(1) catch |failure| switch (failure) {
            error.EndOfStream => return,
            else => return failure,
        };
        if (!is_last or !std.mem.allEqual(u8, rest, 0)) return error.MoreThanEnd;
        reader.toss(rest.len);
    }
}

fn terminated(buffer: []u8, text: []const u8) ![*:0]const u8 {
    if (text.len >= buffer.len) return error.BadName;
    @memcpy(buffer[0..text.len], text);
    buffer[text.len] = 0;
    return buffer[0..text.len :0].ptr;
}

/// Write a file, and return its sum.
fn write(directory: files.Directory, name: [*:0]const u8, file: std.tar.Iterator.File, members: *std.tar.Iterator) !u64 {
    const out: files.File = try .create(directory, name, file.mode & 0o100 != 0);
    defer out.close();
    var hasher: XxHash = .init(0);
    while (members.unread_file_bytes > 0) {
        const available = try members.reader.peekGreedy(1);
        const part = available[0..@min(available.len, members.unread_file_bytes)];
        const written = try out.write(part);
        hasher.update(part[0..written]);
        members.reader.toss(written);
        members.unread_file_bytes -= written;
    }
    return hasher.final();
}

/// Check that each link will be in a real folder, while there are no links yet.
fn checkLinks(directory: files.Directory, frame: *const Frame) !void {
    var texts = std.mem.splitScalar(u8, frame.links.items, 0);
    while (texts.next()) |name| {
        if (texts.next() == null) return;
        const slash = std.mem.lastIndexOfScalar(u8, name, '/') orelse continue;
        var buffer: [std.fs.max_path_bytes]u8 = undefined;
        try files.expectFolder(directory, try terminated(&buffer, name[0..slash]));
    }
}

fn makeLinks(directory: files.Directory, frame: *const Frame) !void {
    var texts = std.mem.splitScalar(u8, frame.links.items, 0);
    while (texts.next()) |name| {
        const target = texts.next() orelse return;
        try files.makeLink(directory, @ptrCast(name.ptr), @ptrCast(target.ptr));
    }
}

/// Whether a name is relative, has no empty, "." or ".." part, and nothing that a terminal obeys.
pub fn isPlain(name: []const u8) bool {
    for (name) |byte| if (byte < ' ' or byte == 0x7f) return false;
    var parts = std.mem.splitScalar(u8, std.mem.trimEnd(u8, name, "/"), '/');
    while (parts.next()) |part|
        for ([_][]const u8{ "", ".", ".." }) |bad| if (std.mem.eql(u8, part, bad)) return false;
    return true;
}

/// Whether a link leads to something in the tree: some "..", no more than there are folders above it, then a plain name.
pub fn staysInside(name: []const u8, target: []const u8) bool {
    var rest = target;
    var depth = std.mem.count(u8, name, "/");
    while (std.mem.startsWith(u8, rest, "../")) : (rest = rest[3..]) {
        if (depth == 0) return false;
        depth -= 1;
    }
    return isPlain(rest);
}

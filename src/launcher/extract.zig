//! Verify and unpack a payload: SHA-256, zstd and tar are Zig's standard library's.

const std = @import("std");

/// Return 1 if a payload has a digest, else 0.
export fn onebin_verify(payload: [*]const u8, size: usize, sha256: *const [32]u8) c_int {
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(payload[0..size], &digest, .{});
    return @intFromBool(std.mem.eql(u8, &digest, sha256));
}

/// Unpack into an open directory. Returns 0, or an errno, or -1 for what has none; `why` gets the error's name.
export fn onebin_extract(
    directory: c_int,
    payload: [*]const u8,
    size: usize,
    why: [*]u8,
    why_size: usize,
) c_int {
    extract(directory, payload[0..size]) catch |err| {
        const name = @errorName(err);
        const length = @min(name.len, why_size - 1);
        @memcpy(why[0..length], name[0..length]);
        why[length] = 0;
        return number(err);
    };
    return 0;
}

fn extract(directory: c_int, payload: []const u8) !void {
    var threaded: std.Io.Threaded = .init_single_threaded;
    var plain: Decompressed = try .init(payload);
    defer plain.deinit();
    try unpack(threaded.io(), .{ .handle = directory }, &plain.reader);
}

const Buffer = extern struct { bytes: ?*const anyopaque, size: usize, done: usize = 0 };
extern fn ZSTD_createDStream() ?*anyopaque;
extern fn ZSTD_freeDStream(stream: ?*anyopaque) usize;
extern fn ZSTD_DCtx_setParameter(stream: ?*anyopaque, parameter: c_int, value: c_int) usize;
extern fn ZSTD_decompressStream(stream: ?*anyopaque, output: *Buffer, input: *Buffer) usize;
extern fn ZSTD_isError(code: usize) c_uint;

/// What libzstd makes of a payload, as a reader; Zig's own decoder is fifty times slower.
const Decompressed = struct {
    stream: *anyopaque,
    input: Buffer,
    reader: std.Io.Reader,

    const window_log_max = 100; // ZSTD_d_windowLogMax
    var buffer: [1 << 17]u8 = undefined;

    fn init(payload: []const u8) !Decompressed {
        const stream = ZSTD_createDStream() orelse return error.OutOfMemory;
        _ = ZSTD_DCtx_setParameter(stream, window_log_max, 30);
        return .{
            .stream = stream,
            .input = .{ .bytes = payload.ptr, .size = payload.len },
            .reader = .{ .vtable = &.{ .stream = read }, .buffer = &buffer, .seek = 0, .end = 0 },
        };
    }

    fn deinit(self: *Decompressed) void {
        _ = ZSTD_freeDStream(self.stream);
    }

    fn read(reader: *std.Io.Reader, writer: *std.Io.Writer, limit: std.Io.Limit) std.Io.Reader.StreamError!usize {
        const self: *Decompressed = @alignCast(@fieldParentPtr("reader", reader));
        const free = limit.slice(try writer.writableSliceGreedy(1));
        var output: Buffer = .{ .bytes = free.ptr, .size = free.len };
        const code = ZSTD_decompressStream(self.stream, &output, &self.input);
        if (ZSTD_isError(code) != 0) return error.ReadFailed;
        if (output.done == 0 and self.input.done == self.input.size) return error.EndOfStream;
        writer.advance(output.done);
        return output.done;
    }
};

var write_buffer: [1 << 17]u8 = undefined;

/// What `std.tar.extract` does, but for the error of a failed write: that one keeps it to itself.
fn unpack(io: std.Io, directory: std.Io.Dir, reader: *std.Io.Reader) !void {
    var name_buffer: [std.Io.Dir.max_path_bytes]u8 = undefined;
    var link_buffer: [std.Io.Dir.max_path_bytes]u8 = undefined;
    var files: std.tar.Iterator = .init(reader, .{
        .file_name_buffer = &name_buffer,
        .link_name_buffer = &link_buffer,
    });
    while (try files.next()) |file| {
        if (!isInside(file.name)) return error.NameLeadsOutside;
        switch (file.kind) {
            .directory => try directory.createDirPath(io, file.name),
            .sym_link => try directory.symLink(io, file.link_name, file.name, .{}),
            .file => {
                const executable = file.mode & 0o100 != 0;
                const out = try directory.createFile(io, file.name, .{
                    .exclusive = true,
                    .permissions = if (executable) .executable_file else .default_file,
                });
                defer out.close(io);
                var writer = out.writer(io, &write_buffer);
                files.streamRemaining(file, &writer.interface) catch |err| return writer.err orelse err;
                writer.interface.flush() catch |err| return writer.err orelse err;
            },
        }
    }
}

/// The payload is onebin's own and has its digest; a name that leads out of the directory is refused all the same.
fn isInside(name: []const u8) bool {
    if (name.len == 0 or name[0] == '/') return false;
    var parts = std.mem.splitScalar(u8, name, '/');
    while (parts.next()) |part| if (std.mem.eql(u8, part, "..")) return false;
    return true;
}

test isInside {
    try std.testing.expect(isInside("_internal/base_library.zip"));
    try std.testing.expect(isInside("a/..b/c.."));
    try std.testing.expect(!isInside("/etc/passwd"));
    try std.testing.expect(!isInside("a/../../b"));
    try std.testing.expect(!isInside(""));
}

fn number(err: anyerror) c_int {
    return @intFromEnum(switch (err) {
        error.NoSpaceLeft => std.c.E.NOSPC,
        error.DiskQuota => std.c.E.DQUOT,
        error.AccessDenied => std.c.E.ACCES,
        error.PermissionDenied => std.c.E.PERM,
        error.ReadOnlyFileSystem => std.c.E.ROFS,
        error.OutOfMemory => std.c.E.NOMEM,
        error.NameTooLong => std.c.E.NAMETOOLONG,
        error.FileTooBig => std.c.E.FBIG,
        error.InputOutput => std.c.E.IO,
        else => return -1,
    });
}

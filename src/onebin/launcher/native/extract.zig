//! Verify and unpack a payload. SHA-256 and tar come from Zig's standard library, zstd from libzstd.

const std = @import("std");
const Sha256 = std.crypto.hash.sha2.Sha256;

/// Unpack into an open directory while hashing the payload. If the digest is wrong, the caller must discard the files.
/// Returns 0, or -1 with errno set, or 1 if the digest is wrong.
pub export fn onebin_extract(directory: c_int, payload: [*]const u8, size: usize, sha256: *const [32]u8) c_int {
    var digest: [32]u8 = undefined;
    const hashing = std.Thread.spawn(.{}, Sha256.hash, .{ payload[0..size], &digest, Sha256.Options{} }) catch null;
    const errno = std.c._errno();
    errno.* = 0;
    const outcome = unpack(.{ .handle = directory }, payload[0..size]);
    const why = errno.*;
    if (hashing) |thread| thread.join() else Sha256.hash(payload[0..size], &digest, .{});
    if (!std.mem.eql(u8, &digest, sha256)) return 1;
    outcome catch {
        errno.* = if (why != 0) why else @intFromEnum(std.c.E.BADMSG); // no system call failed: the payload is bad
        return -1;
    };
    return 0;
}

const Buffer = extern struct { bytes: ?*const anyopaque, size: usize, done: usize = 0 };
extern fn ZSTD_createDStream() ?*anyopaque;
extern fn ZSTD_DCtx_setParameter(stream: ?*anyopaque, parameter: c_int, value: c_int) usize;
extern fn ZSTD_decompressStream(stream: ?*anyopaque, output: *Buffer, input: *Buffer) usize;
extern fn ZSTD_isError(code: usize) c_uint;

/// A reader that decompresses a payload with libzstd; Zig's own decoder is fifty times slower.
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

    fn read(reader: *std.Io.Reader, writer: *std.Io.Writer, limit: std.Io.Limit) std.Io.Reader.StreamError!usize {
        const self: *Decompressed = @alignCast(@fieldParentPtr("reader", reader));
        const free = limit.slice(try writer.writableSliceGreedy(1));
        var output: Buffer = .{ .bytes = free.ptr, .size = free.len };
        const code = ZSTD_decompressStream(self.stream, &output, &self.input);
        // A tar archive has an end mark and is not read beyond it, so input that ends earlier is truncated.
        const is_truncated = output.done == 0 and self.input.done == self.input.size;
        if (ZSTD_isError(code) != 0 or is_truncated) return error.ReadFailed;
        writer.advance(output.done);
        return output.done;
    }
};

var write_buffer: [1 << 17]u8 = undefined;

/// Like `std.tar.extract`, but stops at the first error and leaves errno as the system set it.
fn unpack(directory: std.Io.Dir, payload: []const u8) !void {
    var threaded: std.Io.Threaded = .init_single_threaded;
    const io = threaded.io();
    var plain: Decompressed = try .init(payload);
    var name_buffer: [std.Io.Dir.max_path_bytes]u8 = undefined;
    var link_buffer: [std.Io.Dir.max_path_bytes]u8 = undefined;
    const buffers: std.tar.Iterator.Options = .{ .file_name_buffer = &name_buffer, .link_name_buffer = &link_buffer };
    var files: std.tar.Iterator = .init(&plain.reader, buffers);
    while (try files.next()) |file| {
        if (!isInside(file.name)) return error.NameLeadsOutside;
        switch (file.kind) {
            .directory => try directory.createDir(io, file.name, .default_dir),
            .sym_link => try directory.symLink(io, file.link_name, file.name, .{}),
            .file => {
                const executable = file.mode & 0o100 != 0;
                const out = try directory.createFile(io, file.name, .{
                    .exclusive = true,
                    .permissions = if (executable) .executable_file else .default_file,
                });
                defer out.close(io);
                var writer = out.writer(io, &write_buffer);
                try files.streamRemaining(file, &writer.interface);
                try writer.interface.flush();
            },
        }
    }
}

/// The payload comes from onebin and has a digest, but a name that leads out of the directory is still rejected.
pub fn isInside(name: []const u8) bool {
    if (name.len == 0 or name[0] == '/') return false;
    var parts = std.mem.splitScalar(u8, name, '/');
    while (parts.next()) |part| if (std.mem.eql(u8, part, "..")) return false;
    return true;
}

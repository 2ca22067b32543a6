//! Unit tests of the launcher's Zig code, run by `make launcher-check`.

const std = @import("std");
const extract = @import("extract");
const testing = std.testing;

extern fn ZSTD_compress(target: [*]u8, room: usize, source: [*]const u8, size: usize, level: c_int) usize;

var plain: [1 << 16]u8 = undefined;
var compressed: [1 << 16]u8 = undefined;

/// Return a payload with a folder that contains a link, a program, and a file with the given name.
fn payloadWith(name: []const u8) ![]const u8 {
    var out: std.Io.Writer = .fixed(&plain);
    var tar: std.tar.Writer = .{ .underlying_writer = &out };
    try tar.writeDir("lib", .{ .mode = 0o755 });
    try tar.writeFileBytes("program", "#!", .{ .mode = 0o755 });
    try tar.writeFileBytes(name, "content", .{ .mode = 0o644 });
    try tar.writeLink("lib/link", "../program", .{});
    try tar.finishPedantically();
    const size = ZSTD_compress(&compressed, compressed.len, &plain, out.end, 3);
    return compressed[0..size];
}

fn digestOf(payload: []const u8) [32]u8 {
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(payload, &digest, .{});
    return digest;
}

var list: [*:0]u8 = undefined;

fn extractInto(directory: std.Io.Dir, payload: []const u8, digest: [32]u8) c_int {
    list = extract.extract(directory.handle, payload, &digest) catch |failure|
        return if (failure == error.WrongDigest) 1 else -1;
    return 0;
}

test "the payload is unpacked into the directory" {
    var temporary = testing.tmpDir(.{});
    defer temporary.cleanup();
    const payload = try payloadWith("lib/data");
    try testing.expectEqual(0, extractInto(temporary.dir, payload, digestOf(payload)));
    var buffer: [100]u8 = undefined;
    try testing.expectEqualStrings("content", try temporary.dir.readFile(testing.io, "lib/data", &buffer));
    const length = try temporary.dir.readLink(testing.io, "lib/link", &buffer);
    try testing.expectEqualStrings("../program", buffer[0..length]);
    try temporary.dir.access(testing.io, "program", .{ .execute = true });
    try testing.expectError(error.AccessDenied, temporary.dir.access(testing.io, "lib/data", .{ .execute = true }));
}

test "a wrong digest is reported" {
    var temporary = testing.tmpDir(.{});
    defer temporary.cleanup();
    const payload = try payloadWith("data");
    var digest = digestOf(payload);
    digest[31] ^= 1;
    try testing.expectEqual(1, extractInto(temporary.dir, payload, digest));
}

test "a failed system call leaves its errno" {
    var temporary = testing.tmpDir(.{});
    defer temporary.cleanup();
    const payload = try payloadWith("data");
    try testing.expectEqual(0, extractInto(temporary.dir, payload, digestOf(payload)));
    try testing.expectEqual(-1, extractInto(temporary.dir, payload, digestOf(payload)));
    try testing.expectEqual(@intFromEnum(std.c.E.EXIST), std.c._errno().*);
}

test "an invalid or truncated payload is EBADMSG" {
    const whole = try payloadWith("data");
    for ([_][]const u8{ "", "no zstd", whole[0 .. whole.len / 2] }) |payload| {
        var temporary = testing.tmpDir(.{});
        defer temporary.cleanup();
        try testing.expectEqual(-1, extractInto(temporary.dir, payload, digestOf(payload)));
        try testing.expectEqual(@intFromEnum(std.c.E.BADMSG), std.c._errno().*);
    }
}

test "the list has each file and link, with size and sum" {
    var temporary = testing.tmpDir(.{});
    defer temporary.cleanup();
    const payload = try payloadWith("lib/data");
    try testing.expectEqual(0, extractInto(temporary.dir, payload, digestOf(payload)));
    var buffer: [200]u8 = undefined;
    const expected = try std.fmt.bufPrint(&buffer,
        \\f                    2 {x:0>16} program
        \\f                    7 {x:0>16} lib/data
        \\l                   10 0000000000000000 lib/link
        \\
    , .{ extract.sum("#!"), extract.sum("content") });
    try testing.expectEqualStrings(expected, std.mem.span(list));
}

test "a name that leads outside is rejected" {
    var temporary = testing.tmpDir(.{});
    defer temporary.cleanup();
    const payload = try payloadWith("lib/../../data");
    try testing.expectEqual(-1, extractInto(temporary.dir, payload, digestOf(payload)));
    for ([_][]const u8{ "lib/a.zip", "a/..b/c..", "a/", "..." }) |name| try testing.expect(extract.isPlain(name));
    for ([_][]const u8{ "/a", "a/../../b", "..", "", "a//b", "./a", "a/.", "a\nb", "\x7f" }) |name|
        try testing.expect(!extract.isPlain(name));
}

test "a link that leads outside is rejected" {
    const Pair = struct { []const u8, []const u8 };
    for ([_]Pair{ .{ "a", "b" }, .{ "a/b", "../c" }, .{ "a/b/c", "../../d/e" } }) |link|
        try testing.expect(extract.staysInside(link[0], link[1]));
    for ([_]Pair{ .{ "a", "../b" }, .{ "a/b", "../../c" }, .{ "a/b", "c/../../../d" }, .{ "a", "/b" }, .{ "a", "" } }) |link|
        try testing.expect(!extract.staysInside(link[0], link[1]));
}

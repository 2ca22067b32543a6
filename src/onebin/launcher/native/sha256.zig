//! SHA-256 with the instructions that some processors have for it. This file is compiled for such a processor; its function
//! is called only on one.

const Sha256 = @import("std").crypto.hash.sha2.Sha256;

export fn onebin_sha256(bytes: [*]const u8, size: usize, digest: *[32]u8) void {
    Sha256.hash(bytes[0..size], digest, .{});
}

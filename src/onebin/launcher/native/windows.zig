//! The launcher for Windows. This file is here, and not in its folder, so that the sources in this one belong to it, too.

const launcher = @import("windows/main.zig");

pub const std_options = launcher.std_options;
pub const panic = launcher.panic;
pub const main = launcher.main;

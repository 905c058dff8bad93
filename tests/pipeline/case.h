// SPDX-License-Identifier: BSD-3-Clause
// A golden case: a directory that says what is configured, what comes in, and byte for byte what has to go out.
// tests/pipeline/README.md says what its files are.
#pragma once

#include "dataplane/base/result.h"
#include "tests/support/mbuf_shape.h"
#include "tests/support/pcap.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vx::test
{

// Frames of one link, one after the other.
struct Injection {
    std::string link;
    std::vector<Frame> frames;
    std::vector<MbufShape> shapes; // one for each frame
};

struct Step {
    std::string name;                  // of its files, for messages
    std::vector<Injection> injections; // all links at the same time, up to a burst of each in a turn
    std::string commands;
    unsigned wait_seconds = 0;
};

using DropCounts = std::map<std::pair<std::string, std::string>, std::uint64_t>; // link and reason

struct Case {
    std::filesystem::path directory;
    std::string name;
    std::string setup;
    std::map<std::string, unsigned> limits; // "pool", or a link: how many frames
    std::vector<Step> steps;
    std::map<std::string, std::vector<Frame>> expected; // by link
    DropCounts drops;
    std::optional<std::string> fdb; // what `fdb show` says at the end
    bool is_checked = true;         // false: only that no buffer was lost
    bool is_explained = false;      // frame by frame, each as explain() said
    bool is_captured = false;       // with a capture beside it, that changes nothing and sees everything

    static Result<Case> read(const std::filesystem::path& directory, MbufShape::Buffers buffers);
};

} // namespace vx::test

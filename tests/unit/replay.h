// SPDX-License-Identifier: BSD-3-Clause
// Traffic without a sender: captures that ports replay.
#pragma once

#include "tests/support/network.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace vx::test
{

// A capture for a port that replays it, deleted at the end.
class PcapFile
{
public:
    explicit PcapFile(const std::vector<Frame>& frames)
    {
        static int count = 0;
        path_ = std::filesystem::temp_directory_path() / fmt::format("vxd-workers-{}-{}.pcap", getpid(), count++);
        std::ofstream file(path_, std::ios::binary);
        const auto put = [&](std::initializer_list<std::uint32_t> words) {
            for (const std::uint32_t word : words)
                file.write(reinterpret_cast<const char*>(&word), sizeof(word));
        };
        put({0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1});
        for (const Frame& frame : frames) {
            const auto size = static_cast<std::uint32_t>(frame.size());
            put({0, 0, size, size});
            file.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(frame.size()));
        }
    }
    PcapFile(const PcapFile&) = delete;
    ~PcapFile() { std::filesystem::remove(path_); }
    // The command that adds a port which replays it for ever, or once.
    std::string port(std::string_view name) const { return once(name) + " loop\n"; }
    std::string once(std::string_view name) const
    {
        return fmt::format("link add {} type pcap rx {}", name, path_.string());
    }

private:
    std::filesystem::path path_;
};

// 60 bytes between two containers.
inline Frame from_to(std::uint8_t source, std::uint8_t destination)
{
    Frame frame = experimental_frame(60);
    frame[5] = destination;
    frame[11] = source;
    return frame;
}

} // namespace vx::test

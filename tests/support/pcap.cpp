// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/pcap.h"

#include "dataplane/net/byteorder.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace vx::test
{

Result<std::vector<Frame>> read_pcap(const std::filesystem::path& path)
{
    constexpr std::size_t kFileHeader = 24, kRecordHeader = 16;
    constexpr std::uint32_t kMagic = 0xa1b2c3d4, kEthernet = 1;
    std::ifstream file{path, std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    const auto word = [&](std::size_t at) { return load<std::uint32_t>(bytes.data() + at); };
    if (!file || bytes.size() < kFileHeader || word(0) != kMagic || word(20) != kEthernet)
        return error("{}: no little-endian pcap file of Ethernet frames", path.string());
    std::vector<Frame> frames;
    for (std::size_t at = kFileHeader; at < bytes.size();) {
        if (bytes.size() - at < kRecordHeader || bytes.size() - at - kRecordHeader < word(at + 8) ||
            word(at + 8) != word(at + 12))
            return error("{}: frame {} is cut off", path.string(), frames.size() + 1);
        const auto* begin = reinterpret_cast<const std::byte*>(bytes.data()) + at + kRecordHeader;
        frames.emplace_back(begin, begin + word(at + 8));
        at += kRecordHeader + word(at + 8);
    }
    return frames;
}

} // namespace vx::test

// SPDX-License-Identifier: BSD-3-Clause
// What ports lose before vxd has it: each loss is brought about, and read under its name where it is counted. Drops
// have their cases in tests/pipeline.
#include "control/commands/stats.h"
#include "tests/unit/daemon_lab.h"

#include <rte_mempool.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <unistd.h>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::size_t kFrames = 50;

// A capture file, deleted at the end.
class PcapFile
{
public:
    explicit PcapFile(std::uint32_t frame_size)
        : path_(std::filesystem::temp_directory_path() / fmt::format("vxd-losses-{}.pcap", getpid()))
    {
        std::ofstream file{path_, std::ios::binary};
        const auto put = [&](std::initializer_list<std::uint32_t> words) {
            for (const std::uint32_t word : words)
                file.write(reinterpret_cast<const char*>(&word), sizeof(word));
        };
        put({0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1});
        for (std::size_t i = 0; i < kFrames; ++i) {
            put({0, 0, frame_size, frame_size});
            file << std::string(frame_size, 'x');
        }
    }
    PcapFile(const PcapFile&) = delete;
    ~PcapFile() { std::filesystem::remove(path_); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// All of a data plane's packet buffers but a few.
class HeldBuffers
{
public:
    explicit HeldBuffers(std::size_t left) : pool_(rte_mempool_lookup("vx_packets"))
    {
        REQUIRE(pool_ != nullptr);
        while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_))
            held_.push_back(mbuf);
        REQUIRE(held_.size() > left);
        for (; left > 0; --left) { // to the pool, and not to what this thread keeps at hand
            void* const mbuf = held_.back();
            rte_mempool_generic_put(pool_, &mbuf, 1, nullptr);
            held_.pop_back();
        }
    }
    HeldBuffers(const HeldBuffers&) = delete;
    ~HeldBuffers()
    {
        for (rte_mbuf* mbuf : held_)
            rte_pktmbuf_free(mbuf);
    }

private:
    rte_mempool* pool_;
    std::vector<rte_mbuf*> held_;
};

std::uint64_t count_of(Daemon& vxd, std::string_view name)
{
    const auto stats = vxd.json("stats show dev lossy");
    return stats["links"][0]["rx"][std::string{name.substr(name.find('_') + 1)}];
}

bool is_counted(Daemon& vxd, std::string_view name)
{
    for (int tries = 0; tries < 1000; ++tries) {
        if (count_of(vxd, name) > 0)
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

// A port "lossy" that loses some; whether it did.
bool loses_with_few_buffers(Daemon& vxd, std::string_view name, std::uint32_t frame_size, std::size_t buffers)
{
    const PcapFile file{frame_size};
    vxd(fmt::format("link add lossy type pcap rx {}", file.path().string()));
    const HeldBuffers held{buffers};
    vxd.start_workers();
    const bool is_lossy = is_counted(vxd, name);
    vxd.stop_workers();
    return is_lossy;
}

bool misses(Daemon& vxd)
{
    vxd("link add lossy type tap");
    run("ip link set lossy txqueuelen 10");
    const RawSocket inside{"lossy"};
    for (int i = 0; i < 100; ++i)
        inside.send(experimental_frame(60)); // no worker runs that would take them
    return is_counted(vxd, "rx_missed");
}

bool loses(Daemon& vxd, std::string_view name)
{
    if (name == "rx_missed")
        return misses(vxd);
    if (name == "rx_errors") // it takes a buffer for the frame's beginning, and finds none for the rest
        return loses_with_few_buffers(vxd, name, 9000, 1);
    if (name == "rx_nombuf")
        return loses_with_few_buffers(vxd, name, 60, 0);
    FAIL("nobody knows how to bring about " << name);
    return false;
}

} // namespace

TEST_CASE("every loss of a port is counted under its name")
{
    for (const LossText& loss : kLosses) {
        const std::string name{loss.text.name};
        CAPTURE(name);
        if (name == "rx_missed" && cannot_make_namespaces()) {
            WARN("rx_missed is not tested: no network namespace can be made");
            continue;
        }
        std::optional<PrivateNetns> ours;
        if (name == "rx_missed")
            ours.emplace();
        Daemon vxd;
        CHECK(loses(vxd, name));
        const std::string text = vxd("stats show dev lossy");
        CHECK(has(text, fmt::format("\n{:<20} lossy ", name)));
        CHECK(has(text, loss.text.meaning));
        const auto json = vxd.json("stats show");
        CHECK(json["losses"][name] == json["links"][0]["losses"][name]);
        CHECK(json["losses"][name] >= count_of(vxd, name));
        for (const LossText& other : kLosses)
            CHECK((&other == &loss || count_of(vxd, other.text.name) == 0));
    }
}

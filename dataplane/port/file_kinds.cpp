// SPDX-License-Identifier: BSD-3-Clause
// Kinds that meet the world in the file system: pcap, memif and vhost-user.
#include "dataplane/net/headers.h"
#include "dataplane/port/port_kinds.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

namespace vx
{

// ---- pcap ------------------------------------------------------------------------------------------------------

namespace
{

// O_NONBLOCK: a FIFO that nobody has at its other end is refused, and not waited for.
Result<> check_file(std::string_view option, const std::string& path, int flags)
{
    if (auto checked = check_devargs_value(option, path); !checked)
        return checked;
    const FileDescriptor file{open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC, 0666)};
    if (!file)
        return error("{} \"{}\": {}", option, path, std::strerror(errno));
    return Ok{};
}

struct PcapCloser {
    void operator()(pcap_t* file) const { pcap_close(file); }
};
using PcapFile = std::unique_ptr<pcap_t, PcapCloser>;

// Pcap and pcapng, with times in micro- or nanoseconds.
Result<PcapFile> open_capture(const std::string& path)
{
    if (struct stat status; stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        return error("rx \"{}\" is not a pcap file: it is no regular file", path);
    std::array<char, PCAP_ERRBUF_SIZE> why{};
    PcapFile file{pcap_open_offline(path.c_str(), why.data())};
    if (file == nullptr)
        return error("rx \"{}\" is not a pcap file: {}", path, why.data());
    if (const int type = pcap_datalink(file.get()); type != DLT_EN10MB) {
        const char* const name = pcap_datalink_val_to_name(type);
        return error("rx \"{}\" holds no Ethernet frames: its link type is {} ({}); expected EN10MB", path,
                     name == nullptr ? "unknown" : name, type);
    }
    return file;
}

// What a frame of a file may have.
struct FrameLimit {
    std::uint32_t bytes;
    std::string_view reason;
};

struct LookedAt {
    std::uint64_t count = 0;
    std::string cut_short; // why there were no more of them, if the file ends in the middle of one
};

// Looks at the file's frames, which the driver takes as they are. A file that ends in the middle of one is played up to
// there. Of a very large file, only the beginning is looked at; what is too large later is rx_errors.
Result<LookedAt> check_frames(const std::string& path, pcap_t* file, FrameLimit limit, std::uint64_t most)
{
    constexpr long kLookedAt = 256L << 20; // bytes, in some tenths of a second
    pcap_pkthdr* header = nullptr;
    const std::uint8_t* bytes = nullptr;
    int outcome = 0;
    LookedAt frames;
    while (frames.count <= most && ftell(pcap_file(file)) < kLookedAt) {
        if (outcome = pcap_next_ex(file, &header, &bytes); outcome != 1)
            break;
        ++frames.count;
        if (header->caplen > limit.bytes)
            return error("rx \"{}\": packet {} has {} bytes; {} at most, {}", path, frames.count, header->caplen,
                         limit.bytes, limit.reason);
    }
    if (outcome != PCAP_ERROR)
        return frames;
    const std::string_view why = pcap_geterr(file);
    frames.cut_short = fmt::format("rx \"{}\": after {} packets: {}", path, frames.count, why);
    if (why.find("truncated") == std::string_view::npos)
        return error("{}", frames.cut_short);
    return frames;
}

// To repeat them, the driver keeps all frames, each in one buffer; where it cannot, it frees what it uses again later.
Result<> check_loop(const std::string& path, pcap_t* file, const MbufPool& pool)
{
    const std::uint32_t most = pool.size() / 2; // the rest is for traffic
    const auto frames =
        check_frames(path, file, {pool.room(), "what a packet buffer holds, where they are repeated"}, most);
    if (!frames)
        return frames.error();
    if (!frames->cut_short.empty())
        return error("{}", frames->cut_short);
    if (frames->count > most)
        return error("rx \"{}\": more than {} packets cannot be repeated, half of the {} packet buffers; "
                     "--packet-buffers gives more",
                     path, most, pool.size());
    if (frames->count == 0)
        return error("rx \"{}\" has no packets to repeat", path);
    if (const std::uint32_t free = pool.size() - pool.in_use_count(); frames->count > free)
        return error("rx \"{}\": {} packets are to be repeated, and only {} packet buffers are free", path,
                     frames->count, free);
    return Ok{};
}

// The warning, if there is one.
Result<std::string> check_capture(const PortSpec& spec, const MbufPool& pool)
{
    constexpr FrameLimit kOnce{0xffff, "what DPDK's driver counts to"};
    const std::string path{spec.option("rx")};
    if (auto checked = check_file("rx", path, O_RDONLY); !checked)
        return std::move(checked).error();
    auto file = open_capture(path);
    if (!file)
        return std::move(file).error();
    if (spec.has("loop")) {
        auto checked = check_loop(path, file->get(), pool);
        return checked ? Result<std::string>{std::string{}} : std::move(checked).error();
    }
    auto frames = check_frames(path, file->get(), kOnce, std::numeric_limits<std::uint64_t>::max());
    if (!frames)
        return std::move(frames).error();
    return std::move(frames->cut_short);
}

} // namespace

// The driver flushes after every burst and closes at the end. Without "tx" it takes frames and forgets them.
Result<OpenedPort> open_pcap(const PortSpec& spec, const PortContext& context)
{
    const std::string rx{spec.option("rx")};
    const std::string tx{spec.option("tx")};
    if (!spec.has("rx") && !spec.has("tx"))
        return usage_error("pcap needs rx FILE, tx FILE or both");
    if (spec.has("loop") && !spec.has("rx"))
        return usage_error("loop repeats the frames of rx FILE, which was not given");
    if (rx == tx)
        return usage_error("rx and tx are the same file \"{}\"", rx);

    std::string devargs = device_name("net_pcap", spec.name);
    std::string warning;
    if (spec.has("rx")) {
        auto checked = check_capture(spec, context.pool);
        if (!checked)
            return std::move(checked).error();
        warning = *std::move(checked);
        devargs += fmt::format(",rx_pcap={}{}", rx, spec.has("loop") ? ",infinite_rx=1" : "");
    }
    if (spec.has("tx")) {
        if (auto checked = check_file("tx", tx, O_WRONLY | O_CREAT); !checked)
            return std::move(checked).error();
        devargs += ",tx_pcap=" + tx;
    }
    EthSetup setup = eth_setup(spec, context, devargs);
    setup.tx_queues = EthSetup::TxQueues::kOne;
    setup.chains = EthSetup::Chains::kTaken;
    setup.max_frame = 9728; // of a chain, the driver writes no more
    if (!spec.has("loop"))  // else the driver has read all of it by now, each into one buffer
        setup.received = EthSetup::Received::kChecked;
    return open_eth(std::move(setup), context, std::move(warning));
}

// ---- memif and vhost-user ----------------------------------------------------------------------------------------

namespace
{

enum class SocketFile : std::uint8_t { kNone, kStale, kListened, kOther };

// A server that was killed leaves its socket file. Asked by a socket of another type, the kernel tells a dead one from
// one that somebody has, who does not notice: DPDK's servers may end their process over a client that goes at once.
SocketFile look_at(const std::string& path)
{
    struct stat status;
    if (lstat(path.c_str(), &status) != 0)
        return SocketFile::kNone;
    if (!S_ISSOCK(status.st_mode))
        return SocketFile::kOther;
    const FileDescriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const bool is_stale = connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
                          errno == ECONNREFUSED;
    return is_stale ? SocketFile::kStale : SocketFile::kListened;
}

// What is left of a server that was killed is removed; binding would fail.
Result<> make_room_for_server(const std::string& path)
{
    switch (look_at(path)) {
    case SocketFile::kOther:
        return error("path \"{}\" exists, and is no socket", path);
    case SocketFile::kListened:
        return error("path \"{}\": somebody listens there already", path);
    case SocketFile::kStale:
        unlink(path.c_str());
        break;
    case SocketFile::kNone:
        break;
    }
    return Ok{};
}

bool has_room_for_server(const PortSpec& spec)
{
    const SocketFile there = look_at(std::string{spec.option("path")});
    return there == SocketFile::kNone || there == SocketFile::kStale;
}

Result<> check_socket_path(const std::string& path)
{
    if (auto checked = check_devargs_value("path", path); !checked)
        return checked;
    if (path.size() >= sizeof(sockaddr_un{}.sun_path))
        return error("path \"{}\" is longer than the {} bytes that a socket's may have", path,
                     sizeof(sockaddr_un{}.sun_path) - 1);
    if (path.front() != '/')
        return error("path \"{}\" does not start with '/'", path);
    const std::string directory = path.substr(0, path.rfind('/') + 1);
    if (faccessat(AT_FDCWD, directory.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        return error("path \"{}\": directory {}: {}", path, directory, std::strerror(errno));
    return Ok{};
}

bool has_memif_server(const PortSpec& spec)
{
    return look_at(std::string{spec.option("path")}) == SocketFile::kListened;
}

} // namespace

bool can_attach_memif(const PortSpec& spec)
{
    return spec.option("role") == "client" ? has_memif_server(spec) : has_room_for_server(spec);
}

// DPDK's client connects by itself when there is somebody.
bool can_attach_vhost_user(const PortSpec& spec)
{
    return spec.option("mode") == "client" || has_room_for_server(spec);
}

// One queue each way: the driver sends into a ring whether or not its peer has made it.
Result<OpenedPort> open_memif(const PortSpec& spec, const PortContext& context)
{
    constexpr std::uint32_t kDefaultBuffer = 2048;
    constexpr std::uint32_t kMaxBuffer = 0xffc0; // the ring's length field has 16 bits
    const std::string path{spec.option("path")};
    if (auto checked = check_socket_path(path); !checked)
        return std::move(checked).error();
    const bool is_client = spec.option("role") == "client";
    if (!is_client) {
        if (auto room = make_room_for_server(path); !room)
            return std::move(room).error();
    } else if (!has_memif_server(spec)) {
        return error("path \"{}\": nobody listens there; a memif client is added after its server", path);
    }
    // A buffer holds a whole frame, so that neither end has to know about chains.
    const std::uint32_t frame = spec.mtu.value_or(1500) + static_cast<std::uint32_t>(sizeof(EthernetHeader)) + 4;
    const std::uint32_t buffer = std::min(kMaxBuffer, std::max(kDefaultBuffer, (frame + 63) & ~63U));
    EthSetup setup = eth_setup(spec, context,
                               fmt::format("{},socket={},socket-abstract=no,id={},role={},rsize={},bsize={}",
                                           device_name("net_memif", spec.name), path, count_of(spec, "id", 0),
                                           is_client ? "client" : "server", count_of(spec, "rsize", 10), buffer));
    setup.tx_queues = EthSetup::TxQueues::kOne;
    setup.max_frame = buffer;
    setup.received = EthSetup::Received::kChecked;
    setup.socket = path;
    setup.connection = is_client ? EthSetup::Connection::kOnce : EthSetup::Connection::kLasting;
    return open_eth(std::move(setup), context);
}

// A virtual machine's network card, in memory that the machine shares with vxd. What checksums and segmentation the
// guest leaves open goes on as it is, as from a TAP; so does what it takes. One transmit queue, for a guest need not
// have enabled others.
Result<OpenedPort> open_vhost_user(const PortSpec& spec, const PortContext& context)
{
    const std::string path{spec.option("path")};
    if (auto checked = check_socket_path(path); !checked)
        return std::move(checked).error();
    const bool is_client = spec.option("mode") == "client";
    if (!is_client)
        if (auto room = make_room_for_server(path); !room)
            return std::move(room).error();
    EthSetup setup = eth_setup(spec, context,
                               fmt::format("{},iface={},queues={},client={},tso=1", device_name("net_vhost", spec.name),
                                           path, count_of(spec, "queues", 1), is_client ? 1 : 0));
    setup.tx_queues = EthSetup::TxQueues::kOne;
    setup.guest = EthSetup::Guest::kOffloads;
    setup.socket = path;
    return open_eth(std::move(setup), context);
}

} // namespace vx

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
#include <cstring>
#include <memory>

namespace vx
{

// ---- pcap ------------------------------------------------------------------------------------------------------

namespace
{

Result<> check_file(std::string_view option, const std::string& path, int flags)
{
    if (auto checked = check_devargs_value(option, path); !checked)
        return checked;
    const FileDescriptor file{open(path.c_str(), flags | O_CLOEXEC, 0666)};
    if (!file)
        return error("{} \"{}\": {}", option, path, std::strerror(errno));
    return Ok{};
}

struct PcapCloser {
    void operator()(pcap_t* file) const { pcap_close(file); }
};
using PcapFile = std::unique_ptr<pcap_t, PcapCloser>;

Result<PcapFile> open_capture(const std::string& path)
{
    std::array<char, PCAP_ERRBUF_SIZE> why{};
    PcapFile file{pcap_open_offline(path.c_str(), why.data())};
    if (file == nullptr)
        return error("rx \"{}\" is not a pcap file: {}", path, why.data());
    return file;
}

// To repeat them, the driver keeps all frames, each in one buffer; where it cannot, it frees what it uses again later.
Result<> check_loop(const std::string& path, pcap_t* file, const MbufPool& pool)
{
    const std::uint32_t most = pool.size() / 2; // the rest is for traffic
    pcap_pkthdr* header = nullptr;
    const std::uint8_t* bytes = nullptr;
    std::uint32_t count = 0;
    int outcome = 0;
    while ((outcome = pcap_next_ex(file, &header, &bytes)) == 1) {
        if (++count > most)
            return error("rx \"{}\": more than {} packets cannot be repeated, half of the {} packet buffers; "
                         "--packet-buffers gives more",
                         path, most, pool.size());
        if (header->caplen > pool.room())
            return error("rx \"{}\": packet {} has {} bytes; loop takes {} at most, what a packet buffer holds", path,
                         count, header->caplen, pool.room());
    }
    if (outcome == PCAP_ERROR)
        return error("rx \"{}\": after {} packets: {}", path, count, pcap_geterr(file));
    if (count == 0)
        return error("rx \"{}\" has no packets to repeat", path);
    if (const std::uint32_t free = pool.size() - pool.in_use_count(); count > free)
        return error("rx \"{}\": {} packets are to be repeated, and only {} packet buffers are free", path, count,
                     free);
    return Ok{};
}

Result<> check_capture(const PortSpec& spec, const MbufPool& pool)
{
    const std::string path{spec.option("rx")};
    if (auto checked = check_file("rx", path, O_RDONLY); !checked)
        return checked;
    auto file = open_capture(path);
    if (!file)
        return std::move(file).error();
    return spec.has("loop") ? check_loop(path, file->get(), pool) : Ok{};
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
    if (spec.has("rx")) {
        if (auto checked = check_capture(spec, context.pool); !checked)
            return std::move(checked).error();
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
    return open_eth(std::move(setup), context);
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

} // namespace

// Of a client; a server waits for its own.
bool has_memif_server(const PortSpec& spec)
{
    return spec.option("role") == "client" && look_at(std::string{spec.option("path")}) == SocketFile::kListened;
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
    return open_eth(std::move(setup), context);
}

} // namespace vx

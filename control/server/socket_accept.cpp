// SPDX-License-Identifier: BSD-3-Clause
// The SocketServer's door: who is let in, who goes for that, and who is told why not.
#include "control/base/log.h"
#include "control/server/socket_client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vx
{

namespace
{

constexpr std::chrono::seconds kReportPeriod{10};

} // namespace

// What has no descriptor can be told nothing, and not asked who it is: so one is kept for that.
FileDescriptor SocketServer::take_connection()
{
    FileDescriptor fd = listener_.accept();
    if (!fd && (errno == EMFILE || errno == ENFILE) && spare_.give())
        return listener_.accept();
    return fd;
}

// Several at a time, so that those who come in a crowd keep nobody waiting; but not all, so that they keep no request
// waiting either.
void SocketServer::accept()
{
    constexpr int kAtOnce = 16;
    for (int i = 0; i < kAtOnce; ++i) {
        FileDescriptor fd = take_connection();
        if (fd) {
            admit(std::move(fd));
            continue;
        }
        // Out of descriptors or memory, the connection stays in the backlog and would wake us again at once.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            is_accepting_ = !loop_.change(listener_.fd(), 0).has_value();
        return;
    }
}

void SocketServer::admit(FileDescriptor fd)
{
    const int number = fd.get();
    try {
        const std::optional<Credentials> who = credentials_of(fd.get());
        const Identity peer{role_of(who, access_, geteuid()), who ? who->uid : static_cast<uid_t>(-1)};
        if (!find_place(fd, peer))
            return;
        auto client = std::make_unique<Client>();
        client->number = number;
        client->pid = who ? who->pid : 0;
        client->peer = peer;
        client->scanner = LineScanner{limits_of(peer.role).request};
        Client* const self = clients_.emplace(number, std::move(client)).first->second.get();
        self->fd = std::move(fd);
        const auto on_event = [this, number, self](std::uint32_t events) {
            if (self->is_waiting && (events & EPOLLHUP) != 0) // nobody is there any more for the answer
                return close(number);
            serve(number, *self);
        };
        if (loop_.watch(number, EPOLLIN, on_event))
            return;
        say(self->fd, kNoMemory);
        clients_.erase(number);
    } catch (const std::exception& failure) {
        if (const auto found = clients_.find(number); found != clients_.end())
            fd = std::move(found->second->fd);
        if (fd)
            say(fd, kNoMemory);
        clients_.erase(number);
        throw; // for the loop's report
    }
}

// Whether the newcomer may stay; else it was told why not.
bool SocketServer::find_place(const FileDescriptor& newcomer, const Identity& peer)
{
    spare_.refill();
    std::string why;
    if (!spare_.is_full() && peer.role == Role::kReader) {
        why = fmt::format("vxd has no file descriptor left for another client (its limit is {}, and the last few are "
                          "kept for who may change things); try again later",
                          descriptor_limit());
    } else if (spare_.is_empty()) { // this one took the last
        if (const auto client = most_dispensable(places()))
            oust(*client);
        else
            why = fmt::format("vxd has no file descriptor left (its limit is {}), and all clients are in the middle of "
                              "a request; try again",
                              descriptor_limit());
    } else if (clients_.size() >=
               std::min({limits_.places.all, limits_.places.readers, limits_.places.of_one_reader})) {
        auto place = place_for(peer, places(), limits_.places);
        if (const auto* taken = std::get_if<TakenPlace>(&place))
            oust(taken->client);
        if (auto* none = std::get_if<NoPlace>(&place))
            why = std::move(none->why);
    }
    if (why.empty())
        return true;
    say(newcomer, encode_error({RpcCode::kLimit, why, {}}));
    report_refused(why);
    return false;
}

std::vector<SocketClient> SocketServer::places() const
{
    using State = SocketClient::State;
    std::vector<SocketClient> clients;
    clients.reserve(clients_.size());
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [fd, client] : clients_) {
        const auto still = now - client->progress;
        State state = State::kBusy;
        if (client->waits_for_us())
            state = State::kBusy;
        else if (client->is_between_requests())
            state = still > limits_.grace ? State::kIdle : State::kFresh;
        else if (still > limits_.patience)
            state = State::kStalled;
        clients.push_back({fd, client->peer, state, still});
    }
    return clients;
}

void SocketServer::oust(const SocketClient& place)
{
    const Client& client = *clients_.at(place.fd);
    const auto still = std::chrono::duration_cast<std::chrono::milliseconds>(place.still);
    if (client.pending_output() == 0) // else it would get the notice in the middle of a reply
        say(client.fd, encode_error({RpcCode::kLimit,
                                     fmt::format("vxd serves {} clients at a time, and this one, still for {:.1f} s, "
                                                 "had to make room for another; connect again",
                                                 limits_.places.all, static_cast<double>(still.count()) / 1000),
                                     {}}));
    report_ousted(client, still);
    close(place.fd);
    spare_.refill();
}

bool SocketServer::Reports::is_due()
{
    ++unreported;
    const auto now = std::chrono::steady_clock::now();
    if (last != std::chrono::steady_clock::time_point{} && now - last < kReportPeriod)
        return false;
    last = now;
    return true;
}

void SocketServer::report_ousted(const Client& client, std::chrono::milliseconds still)
{
    if (ousted_.is_due())
        log_warning("socket {}: all places were taken; process {} of user {} lost its one, having been "
                    "still for {:.1f} s ({} since the last report)",
                    path(), client.pid, client.peer.uid, static_cast<double>(still.count()) / 1000,
                    std::exchange(ousted_.unreported, 0));
}

void SocketServer::report_stalled(const Client& client, std::chrono::milliseconds still)
{
    if (stalled_.is_due())
        log_warning("socket {}: process {} of user {} was closed: for {:.1f} s it has {} ({} since the last report)",
                    path(), client.pid, client.peer.uid, static_cast<double>(still.count()) / 1000,
                    client.pending_output() != 0 ? "not read its reply" : "not finished its request",
                    std::exchange(stalled_.unreported, 0));
}

void SocketServer::report_refused(const std::string& why)
{
    if (refused_.is_due())
        log_warning("socket {}: a client was refused: {} ({} since the last report)", path(), why,
                    std::exchange(refused_.unreported, 0));
}

} // namespace vx

// SPDX-License-Identifier: BSD-3-Clause
// What keeps those who may only look from taking all of the SocketServer: whose turn it is, and room for what is
// buffered.
#include "control/server/socket_client.h"

#include <algorithm>
#include <utility>

namespace vx
{

using Clock = std::chrono::steady_clock;

// Whether a client with a complete line has to let others go first.
bool SocketServer::must_wait(Client& client)
{
    if (client.is_waiting || client.peer.role == Role::kAdmin)
        return client.is_waiting;
    const bool is_next = std::exchange(next_, nullptr) == &client;
    if (is_next || (waiting_.empty() && shares_.begin() <= Clock::now()))
        return false;
    waiting_.push_back(client.number);
    client.is_waiting = true;
    loop_.set_alarm(alarm_, shares_.begin() - Clock::now());
    return true;
}

void SocketServer::serve_waiting()
{
    if (waiting_.empty())
        return;
    if (shares_.begin() <= Clock::now()) {
        const auto next = std::min_element(waiting_.begin(), waiting_.end(), [&](int a, int b) {
            return shares_.debt(clients_.at(a)->peer.uid) < shares_.debt(clients_.at(b)->peer.uid);
        });
        Client& client = *clients_.at(*next);
        client.is_waiting = false;
        waiting_.erase(next);
        next_ = &client;
        serve(client.number, client);
    }
    if (!waiting_.empty())
        loop_.set_alarm(alarm_, shares_.begin() - Clock::now());
}

bool SocketServer::is_full(Role role, std::size_t more) const
{
    if (buffered() + more > limits_.buffered)
        return true;
    if (role == Role::kAdmin)
        return false;
    for (const auto& [fd, client] : clients_)
        if (client->peer.role == role)
            more += client->input.size() + client->output.size();
    return more > limits_of(role).buffered;
}

} // namespace vx

// SPDX-License-Identifier: BSD-3-Clause
// The captures that run: started for a client, ended with it. Control thread alone.
#pragma once

#include "control/watch/capture_stream.h"
#include "control/wire/wire.h"
#include "dataplane/dataplane.h"

#include <memory>
#include <vector>

namespace vx
{

class Captures
{
public:
    // Both outlive it.
    Captures(Dataplane& dataplane, const Model& model) : dataplane_(dataplane), model_(model) {}
    ~Captures() { stop(); }
    Captures(const Captures&) = delete;
    Captures& operator=(const Captures&) = delete;

    // Workers record from now on; the taker is to be called with the client's connection, once and soon, or destroyed.
    Result<StreamTaker> start(const CaptureSpec& spec);
    void note(const ModelDiff& before); // the Model has changed; captures of links that are gone end
    void reap();                        // those that have ended; after every Dataplane::event_fd()
    void stop();                        // all of them, at once

    std::size_t count() const { return running_.size(); }

private:
    std::string name_of(const CaptureSpec& spec) const;

    Dataplane& dataplane_;
    const Model& model_;
    LinkNames names_; // right while captures run
    std::vector<std::unique_ptr<CaptureStream>> running_;
};

} // namespace vx

// SPDX-License-Identifier: BSD-3-Clause
#include "control/captures.h"

namespace vx
{

std::string Captures::name_of(const CaptureSpec& spec) const
{
    if (const Link* link = model_.find(spec.link); link != nullptr)
        return link->name;
    if (!spec.point)
        return "all";
    return *spec.point == CapturePoint::kDrop ? "drop" : "host";
}

Result<StreamTaker> Captures::start(const CaptureSpec& spec)
{
    auto capture = dataplane_.start_capture(spec);
    if (!capture)
        return std::move(capture).error();
    if (running_.empty())
        names_.set(model_);
    return StreamTaker{[this, capture = *std::move(capture)](FileDescriptor client, std::string first) {
        running_.push_back(std::make_unique<CaptureStream>(capture, std::move(client), std::move(first),
                                                           name_of(capture->spec()), names_,
                                                           [this] { dataplane_.notify(); }));
    }};
}

void Captures::note(const ModelDiff& before)
{
    if (running_.empty() || before.links.empty())
        return;
    names_.update(model_, before);
    for (const auto& stream : running_) {
        const LinkId link = stream->capture().spec().link;
        if (!link.is_none() && model_.find(link) == nullptr)
            stream->finish();
    }
}

void Captures::reap()
{
    std::erase_if(running_, [this](const auto& stream) {
        if (!stream->has_ended())
            return false;
        dataplane_.stop_capture(stream->capture());
        return true;
    });
}

void Captures::stop()
{
    for (const auto& stream : running_)
        dataplane_.stop_capture(stream->capture());
    running_.clear();
}

} // namespace vx

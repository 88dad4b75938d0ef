#include "control/alerts/watcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "control/clock.h"
#include "dataplane/protocol/elasticsearch/operation.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch::control {
namespace {

constexpr auto idle_wait = std::chrono::milliseconds(20);
constexpr std::uint64_t tick_every_ns = 1'000'000'000;
constexpr std::uint64_t silent_after_ns = 10'000'000'000;
constexpr std::uint64_t absent_after_ns = 60'000'000'000;  ///< since the start, where none ever came

[[nodiscard]] std::string place(std::string_view address, std::uint16_t port) {
    const bool v6 = address.find(':') != std::string_view::npos;
    return (v6 ? '[' + std::string(address) + ']' : std::string(address)) + ':' + std::to_string(port);
}

}  // namespace

tl::expected<std::unique_ptr<Watcher>, std::string> Watcher::start(const std::string& dir,
                                                                   const Settings& settings,
                                                                   std::function<Health()> health) {
    auto posture = PostureBook::open(dir);
    if (!posture) {
        return tl::unexpected(posture.error());
    }
    auto alerts = AlertBook::open(dir, settings.alerts.repeat_seconds);
    if (!alerts) {
        return tl::unexpected(alerts.error());
    }
    return std::unique_ptr<Watcher>(
        new Watcher(std::move(*posture), std::move(*alerts), settings, std::move(health)));
}

Watcher::Watcher(std::unique_ptr<PostureBook> posture, std::unique_ptr<AlertBook> alerts,
                 const Settings& settings, std::function<Health()> health)
    : posture_(std::move(posture)),
      alerts_(std::move(alerts)),
      health_(std::move(health)),
      behaviour_(settings.alerts.limits),
      ring_(slots) {
    for (const ChannelSettings& channel : settings.alerts.channels) {
        channels_.push_back(std::make_unique<Channel>(channel.name, channel.least, settings.alerts.queue,
                                                      deliver_to(channel)));
    }
    thread_ = std::thread([this] { run(); });
}

Watcher::~Watcher() {
    stop_ = true;
    thread_.join();
}

Watcher::Slot* Watcher::room() noexcept {
    const std::uint64_t written = written_.load(std::memory_order_relaxed);
    if (written - read_.load(std::memory_order_acquire) >= slots) {
        unseen_.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
    }
    return &ring_[written % slots];
}

void Watcher::publish() noexcept {
    written_.store(written_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void Watcher::saw_request(const EventRecord& record, const Event& event) noexcept {
    Slot* const slot = event.request ? room() : nullptr;
    if (slot == nullptr) {
        return;
    }
    slot->record = record;
    slot->worker = event.worker;
    slot->service.set(event.service);
    slot->source.set(event.source);
    slot->destination.set(event.destination);
    slot->path.set(event.path);
    slot->user_agent.set(event.user_agent);
    publish();
}

void Watcher::saw_answer(const EventRecord& record, std::uint32_t worker) noexcept {
    if (Slot* const slot = record.kind == EventKind::response ? room() : nullptr; slot != nullptr) {
        slot->record = record;
        slot->worker = worker;
        publish();
    }
}

void Watcher::run() {
    std::uint64_t ticked_ns = 0;
    while (!stop_.load(std::memory_order_relaxed)) {
        std::uint64_t read = read_.load(std::memory_order_relaxed);
        const std::uint64_t written = written_.load(std::memory_order_acquire);
        const bool idle = read == written;
        for (; read != written; ++read) {
            take(ring_[read % slots]);
            read_.store(read + 1, std::memory_order_release);
        }
        const std::uint64_t now = unix_ns();
        if (now - ticked_ns >= tick_every_ns) {
            ticked_ns = now;
            tick(now);
        }
        if (idle) {
            std::this_thread::sleep_for(idle_wait);
        }
    }
}

void Watcher::take(const Slot& slot) {
    const EventRecord& record = slot.record;
    if (record.kind == EventKind::response) {
        take_answer(record, slot.worker);
        return;
    }
    Waiting waiting;
    waiting.address = slot.destination.view();
    waiting.port = record.destination_port;
    waiting.operation = record.operation;
    RequestSeen& request = waiting.request;
    request.source = record.source;
    request.source_text = slot.source.view();
    request.server = place(slot.destination.view(), record.destination_port);
    request.service = slot.service.view();
    request.path = slot.path.view();
    request.user_agent = slot.user_agent.view();
    request.action = record.action;
    request.reason = record.reason;
    request.method = record.method;
    request.credentials = record.credentials;
    request.identified = record.identity != 0xffff;
    request.time_ns = record.time_ns;
    for (Alert& alert : behaviour_.request(request)) {
        raise(std::move(alert));
    }
    if (record.action == EventAction::denied) {
        return;
    }
    const Key key{record.flow, record.request_number, slot.worker};
    while (waiting_order_.size() >= waiting_max) {
        waiting_.erase(waiting_order_.front());
        waiting_order_.pop_front();
    }
    if (waiting_.insert_or_assign(key, std::move(waiting)).second) {
        waiting_order_.push_back(key);
    }
}

void Watcher::take_answer(const EventRecord& record, std::uint32_t worker) {
    const auto found = waiting_.find({record.flow, record.request_number, worker});
    if (found == waiting_.end()) {
        return;
    }
    const Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    for (Alert& alert :
         behaviour_.answer(waiting.request, record.status, record.response_bytes, record.time_ns)) {
        raise(std::move(alert));
    }
    const bool stranger = waiting.request.credentials == static_cast<std::uint8_t>(http::Credentials::none);
    const bool served = record.status >= 200 && record.status < 300;
    if (!stranger || (!served && record.status != 401) ||
        waiting.request.method == static_cast<std::uint8_t>(http::Method::options)) {
        return;
    }
    const auto operation = static_cast<elasticsearch::Operation>(waiting.operation);
    if (served && operation == elasticsearch::Operation::unknown) {
        return;
    }
    AnswerSeen seen;
    seen.address = waiting.address;
    seen.port = waiting.port;
    seen.service = waiting.request.service;
    seen.what = !served                                       ? AnswerSeen::What::refused
                : operation == elasticsearch::Operation::info ? AnswerSeen::What::told
                                                              : AnswerSeen::What::served;
    seen.status = record.status;
    seen.kind = std::hash<std::string>{}(waiting.request.path) | 1U;
    seen.time_ns = record.time_ns;
    if (const auto turn = posture_->saw(seen)) {
        turned(*turn);
    }
}

void Watcher::turned(const PostureTurn& turn) {
    const ServerPosture& server = turn.server;
    const std::string key = place(server.address, server.port);
    if (server.state != Posture::open) {
        if (turn.before == Posture::open) {
            alerts_->end(AlertKind::exposure, key, unix_ns());
            alerts_->end(AlertKind::reopened, key, unix_ns());
        }
        return;
    }
    Alert alert;
    alert.kind = turn.again ? AlertKind::reopened : AlertKind::exposure;
    alert.key = key;
    alert.server = key;
    alert.service = server.service;
    alert.first_ns = server.since_ns;
    alert.last_ns = server.since_ns;
    alert.text =
        key + " (" + server.service + ") is open" + (turn.again ? " again" : "") + ": " + server.evidence;
    raise(std::move(alert));
}

void Watcher::raise(Alert alert) {
    if (const auto told = alerts_->raise(std::move(alert), unix_ns())) {
        for (const auto& channel : channels_) {
            channel->tell(*told);
        }
    }
}

void Watcher::tick(std::uint64_t now_ns) {
    for (const Alert& alert : alerts_->due(now_ns)) {
        for (const auto& channel : channels_) {
            channel->tell(alert);
        }
    }
    const Health health = health_();
    Alert alert;
    alert.first_ns = now_ns;
    alert.last_ns = now_ns;
    if (health.events_lost > lost_before_) {
        alert.kind = AlertKind::events_lost;
        alert.key = "events";
        alert.count = health.events_lost - lost_before_;
        alert.text = "events of the data plane are lost: " + std::to_string(health.events_lost) +
                     " since springlatchd started; the record of these seconds is not complete";
        lost_before_ = health.events_lost;
        raise(alert);
    }
    const std::uint64_t heard_ns = std::max(health.status_ns, started_ns_);
    const bool silent = now_ns > heard_ns + (health.known ? silent_after_ns : absent_after_ns);
    if (silent && !silent_) {
        alert.kind = AlertKind::dataplane_silent;
        alert.key = "data plane";
        alert.count = 1;
        alert.text = health.connected ? "the data plane is connected but tells nothing"
                                      : "the data plane is not connected";
        raise(alert);
    } else if (!silent && silent_) {
        alerts_->end(AlertKind::dataplane_silent, "data plane", now_ns);
    }
    silent_ = silent;
}

void Watcher::policy_widened(const std::string& user, const std::string& why) {
    Alert alert;
    alert.kind = AlertKind::policy_widened;
    alert.first_ns = unix_ns();
    alert.last_ns = alert.first_ns;
    alert.key = std::to_string(alert.first_ns);
    alert.text = "a policy that opens more than the one before was activated by " + user + ": " + why;
    raise(std::move(alert));
}

void Watcher::probed(const ProbeFinding& finding) {
    if (const auto turn = posture_->probed(finding)) {
        turned(*turn);
    }
}

std::vector<ChannelTotals> Watcher::channels() const {
    std::vector<ChannelTotals> totals;
    for (const auto& channel : channels_) {
        totals.push_back(channel->totals());
    }
    return totals;
}

}  // namespace springlatch::control

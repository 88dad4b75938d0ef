#include "control/ingest/ingest.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <tuple>
#include <utility>

#include "control/clock.h"
#include "control/ingest/event_of.h"
#include "control/ingest/text.h"
#include "dataplane/ipc/sealed.h"
#include "dataplane/ipc/unix_socket.h"

namespace springlatch::control {
namespace {

constexpr std::size_t batch_slots = 4096;
constexpr std::uint64_t hello_timeout_ns = 2'000'000'000;
constexpr std::uint64_t hits_every_ns = 1'000'000'000;
/// To compile a policy takes a second at most, and a table of millions of connections some more to be marked.
constexpr std::uint64_t adoption_timeout_ns = 60'000'000'000;
constexpr std::uint64_t publish_every_ns = 50'000'000;
/// Rounds of one batch a worker in one step, so that a flood cannot keep messages from being read.
constexpr int drain_rounds_max = 16;
/// Answers to a data plane that does not read them; the oldest go first.
constexpr std::size_t answers_max = 4096;

[[nodiscard]] std::uint64_t monotonic_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace

std::size_t Ingest::RequestKeyHash::operator()(const RequestKey& key) const noexcept {
    constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15U;
    return (key.flow ^ (std::uint64_t{key.number} * odd)) * odd + key.worker;
}

tl::expected<std::unique_ptr<Ingest>, std::string> Ingest::listen(const std::string& path, Names names,
                                                                  Store& store, CheckPool* checks,
                                                                  HitStore* hits) {
    const auto address = unix_address(path);
    if (!address) {
        return tl::unexpected(path + ": the path of a socket has 1 to " +
                              std::to_string(unix_path_bytes_max) + " bytes, this one has " +
                              std::to_string(path.size()));
    }
    const auto fd =
        listen_unix(path, *address,
                    {.type = SOCK_SEQPACKET,
                     .backlog = 4,
                     .option = "--socket",
                     .taken = "another control process listens here; stop it or give another --socket"});
    if (!fd) {
        return tl::unexpected(fd.error());
    }
    return std::unique_ptr<Ingest>(new Ingest(path, *fd, std::move(names), store, checks, hits));
}

Ingest::Ingest(std::string path, int listen_fd, Names names, Store& store, CheckPool* checks, HitStore* hits)
    : path_(std::move(path)),
      listen_fd_(listen_fd),
      store_(store),
      checks_(checks),
      hits_(hits),
      batch_(batch_slots) {
    policies_.own({.names = std::move(names), .checker = nullptr});
}

Ingest::~Ingest() {
    take_hits();
    if (fd_ >= 0) {
        close(fd_);
    }
    close(listen_fd_);
    unlink(path_.c_str());
}

std::size_t Ingest::step(int timeout_ms) {
    std::array<pollfd, 2> waits = {pollfd{.fd = listen_fd_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = fd_, .events = POLLIN, .revents = 0}};
    const int ready = poll(waits.data(), waits.size(), timeout_ms);
    if (ready > 0 && (waits[0].revents & POLLIN) != 0) {
        accept_one();
    }
    // Before the messages, so that a data plane that has gone leaves nothing in its rings.
    const std::size_t taken = drain();
    cover();
    if (ready > 0 && waits[1].revents != 0) {
        read_messages();
    }
    if (fd_ >= 0 && !greeted_ && monotonic_ns() - accepted_ns_ > hello_timeout_ns) {
        disconnect("it did not say hello");
    }
    send_answers();
    send_order();
    const std::uint64_t now = monotonic_ns();
    store_.tick(now);
    if (now - hits_taken_ns_ >= hits_every_ns) {
        hits_taken_ns_ = now;
        take_hits();
    }
    stale_ = stale_ || taken > 0 || ready > 0;
    if (stale_ && (taken == 0 || now - published_ns_ > publish_every_ns)) {
        stale_ = false;
        published_ns_ = now;
        publish();
    }
    return taken;
}

void Ingest::accept_one() {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (fd_ >= 0) {
        close(fd);
        ++connections_refused_;
        return;
    }
    fd_ = fd;
    greeted_ = false;
    accepted_ns_ = monotonic_ns();
}

void Ingest::read_messages() {
    alignas(8) std::array<std::byte, message_bytes_max> body;
    // A bound, so that a flood of messages cannot keep the rings from being drained.
    for (int messages = 0; messages < 256 && fd_ >= 0; ++messages) {
        iovec piece{.iov_base = body.data(), .iov_len = body.size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(workers_max * sizeof(int))> control{};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t got = recvmsg(fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            return;
        }
        std::vector<int> fds;
        for (cmsghdr* part = got < 0 ? nullptr : CMSG_FIRSTHDR(&message); part != nullptr;
             part = CMSG_NXTHDR(&message, part)) {
            if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
                const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                fds.resize(fds.size() + count);
                std::memcpy(fds.data() + fds.size() - count, CMSG_DATA(part), count * sizeof(int));
            }
        }
        if (got <= 0) {
            disconnect(nullptr);
            return;
        }
        const auto bytes = static_cast<std::size_t>(got);
        MessageHeader header;
        bool good = bytes >= sizeof header && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
        if (good) {
            std::memcpy(&header, body.data(), sizeof header);
            good = header.version == channel_version && header.bytes == bytes && header.workers >= 1 &&
                   header.workers <= workers_max;
        }
        if (good && header.type == MessageType::hello && bytes == sizeof(HelloMessage) && !greeted_) {
            HelloMessage hello;
            std::memcpy(&hello, body.data(), sizeof hello);
            good = take_hello(hello, fds);
        } else if (good && header.type == MessageType::status && bytes == sizeof(StatusMessage) && greeted_ &&
                   fds.empty()) {
            StatusMessage status;
            std::memcpy(&status, body.data(), sizeof status);
            good = take_status(status);
        } else if (good && header.type == MessageType::adopted && bytes == sizeof(AdoptedMessage) &&
                   greeted_ && fds.empty()) {
            AdoptedMessage outcome;
            std::memcpy(&outcome, body.data(), sizeof outcome);
            good = take_adopted(outcome);
        } else if (good && header.type == MessageType::check && bytes > sizeof(CheckMessage) &&
                   bytes <= sizeof(CheckMessage) + credential_bytes_max && greeted_ && fds.empty()) {
            take_check(std::span{body}.first(bytes));
        } else {
            good = false;
        }
        if (header.type != MessageType::status) {
            explicit_bzero(body.data(), bytes);  // it may hold a credential value (P6)
        }
        for (const int fd : fds) {
            close(fd);
        }
        if (!good) {
            disconnect("its message is not understood (another version of springlatch-dataplane?)");
        }
    }
}

/// Takes what it uses out of `fds`.
bool Ingest::take_hello(const HelloMessage& hello, std::vector<int>& fds) {
    if (fds.size() != hello.header.workers) {
        return false;
    }
    const bool same_life = known_ && hello.start_ns == hello_.start_ns;
    std::vector<Worker> workers;
    while (!fds.empty()) {
        const int fd = fds.front();
        fds.erase(fds.begin());
        auto memory = RingMemory::adopt(fd);
        if (!memory) {
            return false;
        }
        const auto number = static_cast<std::uint32_t>(workers.size());
        const std::uint64_t last = same_life && number < workers_.size()
                                       ? workers_[number].joiner.sequence()
                                       : store_.last_sequence(hello.start_ns, number);
        RingConsumer consumer(memory->base());
        workers.push_back(
            {std::move(*memory), consumer,
             Joiner([this](std::uint32_t generation) { return policies_.limits(generation); }, last),
             std::max(hello.start_ns, store_.covered_until(hello.start_ns))});
    }
    for (const Worker& worker : workers_) {
        lost_before_ += worker.joiner.lost();
        bad_before_ += worker.joiner.bad();
    }
    if (!same_life) {
        covered_ns_ = 0;
        unanswered_.clear();
        unanswered_order_.clear();
        statuses_.assign(hello.header.workers, {});
    }
    statuses_.resize(hello.header.workers);
    take_hits();  // of the workers that were here before
    workers_ = std::move(workers);
    hello_ = hello;
    known_ = true;
    greeted_ = true;
    policies_.greet(hello.policy_generation, hello.policy_sha256, same_life);
    begin_hits();
    if (policies_.find(hello.policy_generation) == nullptr && policies_.own().names.has_policy()) {
        std::fprintf(
            stderr,
            "springlatch: the data plane (pid %llu) runs another policy than --policy names; services, "
            "zones and rules are shown by their numbers\n",
            static_cast<unsigned long long>(hello.pid));
    }
    return true;
}

bool Ingest::take_status(const StatusMessage& status) {
    if (status.header.workers != hello_.header.workers || status.worker >= statuses_.size()) {
        return false;
    }
    statuses_[status.worker] = {.told = true, .status = status};
    status_received_ns_ = unix_ns();
    return true;
}

/// Up to the last status, if everything that was told of by then is in the store. What found the ring full
/// shows only at the next event.
void Ingest::cover() {
    std::uint64_t until_ns = UINT64_MAX;
    for (std::size_t number = 0; number < workers_.size(); ++number) {
        const WorkerSnapshot& told = statuses_[number];
        if (!told.told || workers_[number].joiner.sequence() < told.status.counters.events) {
            return;
        }
        until_ns = std::min(until_ns, told.status.time_ns);
    }
    if (!workers_.empty() && until_ns > covered_ns_) {
        covered_ns_ = until_ns;
        store_.covered(hello_.start_ns, hello_.start_ns, until_ns);
    }
}

void Ingest::take_check(std::span<const std::byte> message) {
    CheckMessage check;
    std::memcpy(&check, message.data(), sizeof check);
    if (checks_ == nullptr) {
        answers_.push_back({.fingerprint = check.fingerprint, .generation = check.generation});
        return;
    }
    const KnownPolicy* policy = policies_.find(check.generation);
    if (policy == nullptr) {
        checks_->decline(check.fingerprint, check.generation);
        return;
    }
    const auto value = message.subspan(sizeof check);
    checks_->submit(check.fingerprint, {reinterpret_cast<const char*>(value.data()), value.size()},
                    check.time_ns, check.generation, policy->checker);
}

std::future<Handover> Ingest::hand_over(KnownPolicy policy, std::string bytes) {
    Order order{.policy = std::move(policy),
                .bytes = std::move(bytes),
                .told = {},
                .generation = 0,
                .since_ns = monotonic_ns()};
    std::future<Handover> told = order.told.get_future();
    const std::lock_guard lock(mutex_);
    if (offered_) {
        offered_->told.set_value({Handover::How::away, "another policy was handed over after it"});
    }
    offered_ = std::move(order);
    return told;
}

void Ingest::own(KnownPolicy policy) {
    const std::lock_guard lock(mutex_);
    own_next_ = std::move(policy);
}

void Ingest::send_order() {
    if (!order_) {
        const std::lock_guard lock(mutex_);
        if (own_next_) {
            policies_.own(std::move(*own_next_));
            own_next_.reset();
            stale_ = true;
        }
        if (!offered_) {
            return;
        }
        order_ = std::exchange(offered_, std::nullopt);
    }
    if (fd_ < 0 || !greeted_) {
        const bool sent = order_->generation != 0;
        end_order(sent ? Handover::How::lost : Handover::How::away,
                  sent ? "the data plane went away meanwhile" : "the data plane is not connected");
        return;
    }
    if (monotonic_ns() - order_->since_ns > adoption_timeout_ns) {
        disconnect("it did not answer whether it runs the policy that it was given");
        end_order(Handover::How::lost, "the data plane did not answer");
        return;
    }
    if (order_->generation != 0) {
        return;
    }
    const auto fd = seal_bytes("springlatch-policy", order_->bytes);
    if (!fd) {
        end_order(Handover::How::refused,
                  std::string("no memory to hand it over: ") + std::strerror(fd.error()));
        return;
    }
    // Known before the data plane has it: its first events may come before its answer.
    const std::uint32_t generation = policies_.next();
    policies_.expect(generation, order_->policy);
    PolicyMessage message;
    message.header = {.version = channel_version,
                      .type = MessageType::policy,
                      .bytes = sizeof message,
                      .workers = hello_.header.workers};
    message.generation = generation;
    if (send_with_descriptors(fd_, std::as_bytes(std::span{&message, 1}), std::span{&*fd, 1},
                              MSG_DONTWAIT | MSG_NOSIGNAL)) {
        order_->generation = generation;
    } else {
        policies_.forget(generation);  // later, or never: a closed connection shows when it is read
    }
    close(*fd);
}

void Ingest::begin_hits() {
    const KnownPolicy* policy = policies_.find(hello_.policy_generation);
    std::vector<std::string> rules;
    for (std::size_t i = 0;
         policy != nullptr && policy->names.has_policy() && i < policy->names.policy()->rule_ids(); ++i) {
        rules.push_back(policy->names.rule(static_cast<std::uint16_t>(i)));
    }
    hits_.begin(hello_.start_ns, hello_.policy_generation, hello_.policy_sha256, std::move(rules), unix_ns());
}

bool Ingest::take_adopted(const AdoptedMessage& outcome) {
    if (outcome.refused > 1 || outcome.observing > 1 || outcome.refusal_bytes > refusal_bytes_max) {
        return false;
    }
    if (outcome.refused == 0) {
        hello_.policy_generation = outcome.generation;
        hello_.policy_sha256 = outcome.policy_sha256;
        hello_.observing = outcome.observing;
        begin_hits();
    } else {
        policies_.forget(outcome.generation);
    }
    if (!order_ || order_->generation != outcome.generation) {
        return true;  // nobody waits for it any more
    }
    if (outcome.refused != 0) {
        end_order(Handover::How::refused, printable({outcome.refusal.data(), outcome.refusal_bytes}));
    } else if (!order_->policy.names.fits(outcome.policy_sha256)) {
        return false;
    } else {
        policies_.own(order_->policy);
        end_order(Handover::How::adopted, "");
    }
    return true;
}

void Ingest::end_order(Handover::How how, const std::string& text) {
    order_->told.set_value({how, text});
    order_.reset();
    stale_ = true;
}

void Ingest::send_answers() {
    if (checks_ != nullptr) {
        const std::vector<CheckAnswer> fresh = checks_->take_answers();
        answers_.insert(answers_.end(), fresh.begin(), fresh.end());
        stale_ = stale_ || !fresh.empty();
    }
    while (!answers_.empty() && (fd_ < 0 || !greeted_ || answers_.size() > answers_max)) {
        answers_.pop_front();  // nobody waits for it any more
    }
    AnswerMessage message;
    message.header = {.version = channel_version,
                      .type = MessageType::answer,
                      .bytes = sizeof message,
                      .workers = hello_.header.workers};
    while (!answers_.empty()) {
        message.answer = answers_.front();
        if (::send(fd_, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            return;  // later, or never: a closed connection shows when it is read
        }
        answers_.pop_front();
    }
}

void Ingest::take_hits() {
    std::vector<const HitPages*> pages;
    pages.reserve(workers_.size());
    for (const Worker& worker : workers_) {
        pages.push_back(&worker.memory.hits());
    }
    hits_.take(pages);
}

void Ingest::disconnect(const char* why) {
    if (why != nullptr) {
        ++connections_refused_;
        std::fprintf(stderr, "springlatch: the data plane is disconnected: %s\n", why);
    }
    close(fd_);
    fd_ = -1;
    // What it wrote after the last look; the rings stay mapped until another one comes. Bounded, since it may
    // still be writing.
    for (int i = 0; i < 64 && drain() > 0; ++i) {
    }
    take_hits();
}

std::size_t Ingest::drain() {
    const std::uint64_t before = events_taken_;
    for (std::uint32_t number = 0; number < workers_.size(); ++number) {
        Worker& worker = workers_[number];
        bool any = false;
        for (int round = 0; round < drain_rounds_max; ++round) {
            const std::size_t count = worker.consumer.pop(batch_);
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint64_t lost = worker.joiner.lost();
                const auto whole = worker.joiner.take(batch_[i]);
                if (whole) {
                    take(*whole, number);
                }
                if (worker.joiner.lost() > lost) {
                    store_.lost({.after_ns = worker.last_ns,
                                 .until_ns = std::max(worker.joiner.time_ns(), worker.last_ns),
                                 .events = worker.joiner.lost() - lost,
                                 .cause = "ring"});
                }
                if (whole) {
                    worker.last_ns = whole->record.time_ns;
                }
            }
            any = any || count > 0;
            if (count < batch_.size()) {
                break;
            }
        }
        if (any) {
            stale_ = true;  // also where every record was bad: that must show
            store_.reached(hello_.start_ns, number, worker.joiner.sequence());
        }
        if (worker.consumer.broken() && fd_ >= 0) {
            std::fprintf(stderr,
                         "springlatch: the data plane is disconnected: the index of ring %u is impossible\n",
                         number);
            ++connections_refused_;
            close(fd_);
            fd_ = -1;
        }
    }
    return static_cast<std::size_t>(events_taken_ - before);
}

void Ingest::take(const WholeEvent& whole, std::uint32_t worker) {
    ++events_taken_;
    const EventRecord& record = whole.record;
    if (record.kind == EventKind::response || record.kind == EventKind::closed) {
        if (observer_ != nullptr) {
            observer_->saw_answer(record, worker);
        }
        take_answer(record, worker);
        return;
    }
    const Names& names = policies_.names(record.generation);
    Event event = event_of(whole, names);
    event.life = hello_.start_ns;
    event.worker = worker;
    event.sequence = unique_sequence(record.sequence, worker, hello_.header.workers);
    if (observer_ != nullptr) {
        observer_->saw_request(record, event);
    }
    const bool counted = event.request && record.action == EventAction::allowed &&
                         names.record(record.rule, record.service) == Record::aggregate;
    const std::int64_t id = counted ? aggregate(record, event) : store_.add(event);
    if (id != 0 && record.action != EventAction::denied) {
        remember({.flow = record.flow, .number = record.request_number, .worker = worker}, id);
    }
}

/// Into the event of its minute, or into a new one: also where the old one is gone with a batch that failed.
std::int64_t Ingest::aggregate(const EventRecord& record, Event& event) {
    std::int64_t& id = aggregates_.event_for(record);
    if (!store_.count_in(id, record.time_ns, record.request_bytes)) {
        Aggregates::generalise(event);
        id = store_.add(event);
    }
    return id;
}

void Ingest::take_answer(const EventRecord& record, std::uint32_t worker) {
    const auto found =
        unanswered_.find({.flow = record.flow, .number = record.request_number, .worker = worker});
    if (found == unanswered_.end()) {
        ++answers_unmatched_;
        return;
    }
    store_.answer(found->second, {.status = record.status,
                                  .response_bytes = record.response_bytes,
                                  .request_bytes = record.request_bytes});
    unanswered_.erase(found);
}

void Ingest::remember(const RequestKey& key, std::int64_t id) {
    // Keys that were answered stay in the order until their turn comes, hence the second bound.
    while (unanswered_.size() >= unanswered_max || unanswered_order_.size() >= 2 * unanswered_max) {
        unanswered_.erase(unanswered_order_.front());
        unanswered_order_.pop_front();
    }
    if (unanswered_.insert_or_assign(key, id).second) {
        unanswered_order_.push_back(key);
    }
}

void Ingest::publish() {
    Snapshot now;
    now.connected = fd_ >= 0 && greeted_;
    now.hello = hello_;
    now.known = known_;
    now.names = policies_.own().names;
    now.names_fit = known_ && now.names.fits(hello_.policy_sha256);
    now.status_received_ns = status_received_ns_;
    now.workers = statuses_;
    now.events_taken = events_taken_;
    now.events_lost = lost_before_;
    now.records_bad = bad_before_;
    for (const Worker& worker : workers_) {
        now.events_lost += worker.joiner.lost();
        now.records_bad += worker.joiner.bad();
    }
    now.answers_unmatched = answers_unmatched_;
    now.connections_refused = connections_refused_;
    now.can_check = checks_ != nullptr && known_ && policies_.find(hello_.policy_generation) != nullptr;
    now.checks = checks_ != nullptr ? checks_->totals() : CheckTotals{};
    const std::lock_guard lock(mutex_);
    published_ = std::move(now);
}

Snapshot Ingest::snapshot() const {
    const std::lock_guard lock(mutex_);
    return published_;
}

}  // namespace springlatch::control

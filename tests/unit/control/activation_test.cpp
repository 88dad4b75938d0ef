// Activation: the policy before stays unless everything went well, and the history says what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "control/policy/manager.h"
#include "control/policy/operators.h"
#include "control/store/store.h"
#include "dataplane/ipc/client.h"
#include "dataplane/ipc/ring.h"
#include "tests/support/full_disk.h"

namespace springlatch::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Operator alice{.uid = 1000, .name = "alice"};

/// `name` makes one policy differ from another.
std::string policy(const std::string& name, const std::string& more = "") {
    return R"({"version": 1, "zones": {")" + name +
           R"(": ["192.0.2.0/24"]}, "services": {"s": {"protocol": "elasticsearch", "addresses":
["198.51.100.10"], "ports": [9200]}}, "rules": [{"id": "r", "from": [")" +
           name + R"("], "to": ["s"], "credentials": "present", "action": "allow"}])" + more + "}";
}

std::string sha256(const std::string& text) {
    return hex_of(sha256_of(text));
}

/// A data plane that a test plays: it takes every policy, or what `behaviour` says.
class DataPlane {
  public:
    enum class Behaviour : std::uint8_t { adopt, refuse, leave };
    DataPlane(std::string socket, const std::string& running) : socket_(std::move(socket)) {
        hello_.start_ns = 1;
        hello_.policy_generation = 1;
        hello_.policy_sha256 = sha256_of(running);
        thread_ = std::thread([this] { work(); });
        while (!connected) std::this_thread::yield();
    }
    ~DataPlane() {
        stop_ = true;
        thread_.join();
    }
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;

    [[nodiscard]] std::string running() {
        const std::lock_guard lock(mutex_);
        return hex_of(hello_.policy_sha256);
    }
    std::atomic<Behaviour> behaviour{Behaviour::adopt};
    std::atomic<bool> connected{false};

  private:
    void work() {
        auto client = std::make_unique<ChannelClient>(socket_, hello_, std::vector<int>{memory_.fd()});
        std::vector<CheckAnswer> answers;
        for (std::uint64_t now = 1'000'000'000; !stop_; now += 500'000'000) {
            (void)client->poll(now, answers);
            connected = client->connected();
            if (auto order = client->take_policy()) {
                AdoptedMessage outcome;
                outcome.header = {.version = channel_version,
                                  .type = MessageType::adopted,
                                  .bytes = sizeof outcome,
                                  .workers = 1};
                outcome.generation = order->generation;
                const std::string why = "needs a restart";
                switch (behaviour.load()) {
                    case Behaviour::adopt: {
                        outcome.policy_sha256 = sha256_of(order->bytes);
                        client->set_policy(outcome);
                        const std::lock_guard lock(mutex_);
                        hello_.policy_sha256 = outcome.policy_sha256;
                        hello_.policy_generation = outcome.generation;
                        break;
                    }
                    case Behaviour::refuse:
                        outcome.refused = 1;
                        outcome.refusal_bytes = static_cast<std::uint32_t>(why.size());
                        std::copy(why.begin(), why.end(), outcome.refusal.begin());
                        break;
                    case Behaviour::leave: {
                        // It runs the policy, and dies before it can say so.
                        const std::lock_guard lock(mutex_);
                        hello_.policy_sha256 = sha256_of(order->bytes);
                        hello_.policy_generation = order->generation;
                        client =
                            std::make_unique<ChannelClient>(socket_, hello_, std::vector<int>{memory_.fd()});
                        behaviour = Behaviour::adopt;
                        continue;
                    }
                }
                (void)client->send(outcome);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    std::string socket_;
    HelloMessage hello_;
    RingMemory memory_ = std::move(*RingMemory::create("test"));
    std::mutex mutex_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

/// A springlatchd without its main(): state, ingest and manager.
struct Site {
    std::string folder;
    std::unique_ptr<Store> store;
    std::unique_ptr<PolicyManager> manager;
    std::unique_ptr<Ingest> ingest;
    std::atomic<bool> stop{false};
    std::thread taking;
    std::string first = policy("first");

    explicit Site(std::optional<PolicyKey> key = std::nullopt, const std::string& first_file = "") {
        folder = testing::TempDir() + "/springlatch-activation-XXXXXX";
        EXPECT_NE(mkdtemp(folder.data()), nullptr);
        std::ofstream(folder + "/first.json") << (first_file.empty() ? first : first_file);
        store = std::move(*Store::open(folder + "/store"));
        up(std::move(key));
    }
    ~Site() {
        down();
        store.reset();
        std::filesystem::remove_all(folder);
    }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;

    void up(std::optional<PolicyKey> key = std::nullopt) {
        auto opened = PolicyManager::open(
            {.state = folder + "/state", .first = folder + "/first.json", .key = std::move(key)});
        ASSERT_TRUE(opened) << opened.error();
        manager = std::move(*opened);
        ingest = std::move(*Ingest::listen(socket(), manager->known().names, *store));
        manager->attach(*ingest);
        stop = false;
        taking = std::thread([this] {
            while (!stop) (void)ingest->step(1);
        });
    }
    void down() {
        stop = true;
        if (taking.joinable()) taking.join();
        manager.reset();
        ingest.reset();
    }
    [[nodiscard]] std::string socket() const { return folder + "/control.sock"; }
    [[nodiscard]] std::string active_file() const {
        std::ifstream file(folder + "/state/active.json");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] std::vector<Activation> history() { return manager->handle({}, alice).history; }
    [[nodiscard]] std::vector<std::string> standings() {
        std::vector<std::string> list;
        for (const Activation& one : history()) list.push_back(one.how + " " + name_of(one.standing));
        return list;
    }
    [[nodiscard]] static PolicyCommand command(std::string text) {
        PolicyCommand command;
        command.what = PolicyCommand::What::activate;
        command.name = "next.json";
        command.bytes = std::move(text);
        command.widen = "a test";
        command.reason = "ticket 7";
        return command;
    }
    PolicyAnswer activate(std::string text) { return manager->handle(command(std::move(text)), alice); }
    PolicyAnswer rollback(std::int64_t to = 0) {
        PolicyCommand command;
        command.what = PolicyCommand::What::rollback;
        command.to = to;
        return manager->handle(command, alice);
    }
    /// What a springlatchd does while nothing happens.
    void tick_until(const std::function<bool()>& done) {
        for (int i = 0; i < 2000 && !done(); ++i) {
            manager->tick();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        EXPECT_TRUE(done());
    }
};

TEST(Activation, ThePolicyGivenAtTheFirstStartIsTheFirstOneAndStaysAcrossStarts) {
    Site site;
    EXPECT_EQ(site.active_file(), site.first);
    std::ofstream(site.folder + "/first.json") << policy("other");
    site.down();
    site.up();
    EXPECT_EQ(site.active_file(), site.first);
    EXPECT_EQ(hex_of(site.manager->active()->sha256), sha256(site.first));
    EXPECT_THAT(site.standings(), ElementsAre("first active"));
}

TEST(Activation, IsInForceEverywhereWhenTheCommandReturnsAndTheHistorySaysWhoWhatAndWhy) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    const std::string next = policy("next");
    const PolicyAnswer answer = site.activate(next);
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(plane.running(), sha256(next));
    EXPECT_EQ(site.active_file(), next);
    EXPECT_EQ(hex_of(site.manager->active()->sha256), sha256(next));
    const auto history = site.history();
    ASSERT_THAT(history, SizeIs(2));
    EXPECT_EQ(history[0].standing, Standing::replaced);
    EXPECT_EQ(history[1].standing, Standing::active);
    EXPECT_EQ(history[1].user, "alice");
    EXPECT_EQ(history[1].uid, 1000U);
    EXPECT_EQ(history[1].sha256, sha256(next));
    EXPECT_EQ(history[1].reason, "ticket 7");
    EXPECT_EQ(history[1].before, 1);
    EXPECT_GT(history[1].time_ns, 1'700'000'000'000'000'000U);
}

TEST(Activation, WhatTheDataPlaneRefusesIsNotActiveAnywhere) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    plane.behaviour = DataPlane::Behaviour::refuse;
    EXPECT_EQ(site.activate(policy("next")).error,
              "the data plane refuses it: needs a restart; the policy before stays active");
    EXPECT_EQ(plane.running(), sha256(site.first));
    EXPECT_EQ(site.active_file(), site.first);
    EXPECT_THAT(site.standings(), ElementsAre("first active", "activate failed"));
    EXPECT_EQ(site.history()[1].error, "needs a restart");
}

TEST(Activation, ADataPlaneThatDiesMeanwhileIsBroughtBackToTheActivePolicy) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    plane.behaviour = DataPlane::Behaviour::leave;
    EXPECT_THAT(site.activate(policy("next")).error,
                HasSubstr("went away meanwhile; the policy before stays"));
    EXPECT_EQ(site.active_file(), site.first);
    site.tick_until([&] { return plane.connected && plane.running() == sha256(site.first); });
    EXPECT_THAT(site.standings(), ElementsAre("first active", "activate failed"));
}

TEST(Activation, WithoutADataPlaneThePolicyIsStoredForItsNextStartAndTheAnswerSaysSo) {
    Site site;
    const PolicyAnswer answer = site.activate(policy("next"));
    EXPECT_EQ(answer.error, "");
    EXPECT_THAT(answer.lines.back(), HasSubstr("the data plane is not connected and starts with it"));
    EXPECT_EQ(site.active_file(), policy("next"));
    DataPlane plane(site.socket(), site.first);
    site.tick_until([&] { return plane.running() == sha256(policy("next")); });
}

TEST(Activation, BadPoliciesAreToldWithTheirPlaceAndChangeNothing) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    EXPECT_THAT(site.activate("{\"version\": 2}").error, HasSubstr("next.json:1:13: error: /version"));
    EXPECT_THAT(site.activate("").error, HasSubstr("is empty"));
    EXPECT_THAT(site.activate(std::string(17U << 20U, ' ')).error, HasSubstr("larger than"));
    EXPECT_THAT(site.activate("{\"bundle\": 1}").error, HasSubstr("no key is configured"));
    EXPECT_THAT(site.standings(), ElementsAre("first active"));
    EXPECT_EQ(plane.running(), sha256(site.first));
}

TEST(Activation, ADryRunAndThePolicyThatIsActiveAlreadyChangeNothing) {
    Site site;
    PolicyCommand command = Site::command(policy("next"));
    command.dry_run = true;
    EXPECT_EQ(site.manager->handle(command, alice).error, "");
    EXPECT_THAT(site.activate(site.first).lines, ElementsAre(HasSubstr("is active already")));
    EXPECT_THAT(site.standings(), ElementsAre("first active"));
}

TEST(Activation, OfAThousandMutatedPoliciesOnlyThoseThatLoadAreActiveWithTheirExactBytes) {
    Site site;
    std::mt19937 random(20261124);
    std::string active = site.first;
    int activated = 0;
    for (int i = 0; i < 1000; ++i) {
        std::string text = policy("next");
        for (auto changes = 1 + random() % 3; changes > 0; --changes) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0) {
                text[at] = static_cast<char>(random());
            } else {
                text.erase(at, 1 + random() % 4);
            }
        }
        const PolicyAnswer answer = site.activate(text);
        const bool loads = parse_policy(text, "p", {}).has_value();
        ASSERT_EQ(answer.error.empty(), loads) << text;
        if (loads) {
            active = text;
            ++activated;
        }
        ASSERT_EQ(site.active_file(), active);
    }
    EXPECT_GT(activated, 0);
    EXPECT_LT(activated, 900);
}

// ---- confirm, rollback ----

TEST(Activation, WhatIsNotConfirmedReturnsAlsoIfTheProcessWasAwayAtThatMoment) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    PolicyCommand command = Site::command(policy("next"));
    command.confirm_seconds = 1;
    EXPECT_THAT(site.manager->handle(command, alice).lines.back(),
                HasSubstr("unless springlatch policy confirm"));
    EXPECT_EQ(plane.running(), sha256(policy("next")));
    EXPECT_THAT(site.activate(policy("third")).error, HasSubstr("waits to be confirmed"));
    site.down();
    site.up();
    site.tick_until([&] { return plane.running() == sha256(site.first); });
    EXPECT_EQ(site.active_file(), site.first);
    EXPECT_THAT(site.standings(), ElementsAre("first replaced", "activate replaced", "returned active"));
    EXPECT_THAT(site.history()[2].reason, HasSubstr("not confirmed in time"));
}

TEST(Activation, WhatIsConfirmedStays) {
    Site site;
    PolicyCommand command = Site::command(policy("next"));
    command.confirm_seconds = 1;
    EXPECT_EQ(site.manager->handle(command, alice).error, "");
    PolicyCommand confirm;
    confirm.what = PolicyCommand::What::confirm;
    EXPECT_EQ(site.manager->handle(confirm, alice).error, "");
    EXPECT_EQ(site.manager->handle(confirm, alice).error, "no policy waits to be confirmed");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    site.manager->tick();
    EXPECT_EQ(site.active_file(), policy("next"));
    EXPECT_EQ(site.history()[1].confirmed_by, "alice");
}

TEST(Activation, RollbackGoesBackOneStepAtATimeOrToANumber) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    EXPECT_THAT(site.rollback().error, HasSubstr("there is no policy before"));
    for (const char* name : {"second", "third"}) EXPECT_EQ(site.activate(policy(name)).error, "");
    EXPECT_EQ(site.rollback().error, "");
    EXPECT_EQ(plane.running(), sha256(policy("second")));
    EXPECT_EQ(site.rollback().error, "");
    EXPECT_EQ(plane.running(), sha256(site.first));
    EXPECT_EQ(site.rollback(3).error, "");
    EXPECT_EQ(plane.running(), sha256(policy("third")));
    EXPECT_EQ(site.active_file(), policy("third"));
    EXPECT_THAT(site.rollback(99).error, HasSubstr("number 99 was never active"));
    EXPECT_EQ(site.history().back().of, 3);
}

// ---- disks and deaths ----

TEST(Activation, OnAFullDiskNothingIsActivatedAndTheOldPolicyRuns) {
    Site site;
    DataPlane plane(site.socket(), site.first);
    {
        const test::FullDisk full(100);
        EXPECT_THAT(site.activate(policy("next")).error, HasSubstr("nothing was activated"));
    }
    EXPECT_EQ(plane.running(), sha256(site.first));
    EXPECT_EQ(site.active_file(), site.first);
    EXPECT_EQ(site.activate(policy("next")).error, "") << "it works again";
    EXPECT_EQ(plane.running(), sha256(policy("next")));
}

/// A process that activates one policy after the other is killed at a random moment; whoever opens its state
/// finds one whole policy active, in the history and in the file.
TEST(PolicyState, WhoeverIsKilledWhileActivatingLeavesTheOldOrTheNewPolicyNeverNone) {
    std::string folder = testing::TempDir() + "/springlatch-killed-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    std::mt19937 random(std::random_device{}());
    std::int64_t reached = 0;
    for (int round = 0; round < 25; ++round) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto state = PolicyState::open(folder);
            for (int i = 0; state && i < 100'000; ++i) {
                const std::string text = policy("p" + std::to_string(i), std::string(random() % 5000, ' '));
                Activation next;
                next.sha256 = sha256(text);
                const auto number = (*state)->begin(next, text);
                if (!number || !(*state)->settle(*number)) break;
            }
            _exit(0);
        }
        // Not before the first policy is active: then it may be killed anywhere.
        for (int i = 0; round == 0 && i < 10'000 && !std::filesystem::exists(folder + "/active.json"); ++i) {
            usleep(1000);
        }
        usleep(static_cast<useconds_t>(5'000 + random() % 40'000));
        kill(child, SIGKILL);
        ASSERT_EQ(waitpid(child, nullptr, 0), child);
        const auto state = PolicyState::open(folder);
        ASSERT_TRUE(state) << state.error();
        const auto active = (*state)->active();
        if (!active) {
            ASSERT_EQ(reached, 0) << "there was an active policy before";
            continue;
        }
        ASSERT_GE(active->number, reached);
        reached = active->number;
        const std::string kept = (*state)->file_of(active->number).value_or("");
        std::ifstream file((*state)->active_file());
        const std::string started_with{std::istreambuf_iterator<char>(file), {}};
        ASSERT_EQ(sha256(kept), active->sha256);
        ASSERT_EQ(started_with, kept);
        ASSERT_TRUE(parse_policy(kept, "p", {}));
    }
    EXPECT_GT(reached, 0);
    std::filesystem::remove_all(folder);
}

TEST(PolicyState, IsOfOneProcessAtATime) {
    Site site;
    EXPECT_THAT(PolicyManager::open({.state = site.folder + "/state", .first = {}, .key = {}}).error(),
                HasSubstr("does another springlatchd use this --state?"));
}

// ---- the operators' socket ----

TEST(Operators, ACommandGoesThroughTheSocketAndBackWithItsFile) {
    Site site;
    auto socket = OperatorSocket::listen(site.folder + "/operators.sock", *site.manager);
    ASSERT_TRUE(socket) << socket.error();
    EXPECT_EQ(std::filesystem::status(site.folder + "/operators.sock").permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::atomic<bool> done{false};
    std::thread serving([&] {
        while (!done) (*socket)->step(10);
    });
    const auto answer = ask_springlatchd(site.folder + "/operators.sock", Site::command(policy("next")));
    const auto history = ask_springlatchd(site.folder + "/operators.sock", {});
    done = true;
    serving.join();
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->error, "");
    EXPECT_EQ(site.active_file(), policy("next"));
    ASSERT_TRUE(history);
    ASSERT_THAT(history->history, SizeIs(2));
    EXPECT_EQ(history->history[1].uid, geteuid());
    EXPECT_EQ(history->history[1].reason, "ticket 7");
    EXPECT_EQ(history->history[1].standing, Standing::active);
    EXPECT_THAT(ask_springlatchd(site.folder + "/absent.sock", {}).error(),
                HasSubstr("does springlatchd run"));
}

}  // namespace
}  // namespace springlatch::control

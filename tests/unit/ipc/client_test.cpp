// The data plane's end of the channel: it must work on whatever the control process does.
#include "dataplane/ipc/client.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/ipc/ring.h"
#include "dataplane/ipc/sealed.h"

namespace springlatch {
namespace {

constexpr std::uint64_t second = 1'000'000'000U;

/// Answers that a test does not look at.
std::vector<CheckAnswer> answers;

/// A control process that the test plays.
struct Listener {
    std::string path;
    int listening = -1;
    int peer = -1;
    explicit Listener(std::string at) : path(std::move(at)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        unlink(path.c_str());
        listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listening, 1), 0);
    }
    ~Listener() {
        if (peer >= 0) close(peer);
        close(listening);
        unlink(path.c_str());
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    void take_peer() { peer = accept(listening, nullptr, nullptr); }
};

[[nodiscard]] std::string socket_path(const char* name) {
    return std::filesystem::temp_directory_path() /
           (std::string{"springlatch-client-"} + std::to_string(getpid()) + name);
}

TEST(ChannelClient, SaysHelloWithTheRings) {
    Listener listener(socket_path("hello"));
    auto ring = RingMemory::create("test");
    ASSERT_TRUE(ring.has_value());
    HelloMessage hello;
    hello.pid = 42;
    ChannelClient client(listener.path, hello, {ring->fd()});
    EXPECT_FALSE(client.poll(second, answers));
    ASSERT_TRUE(client.connected());
    listener.take_peer();
    HelloMessage got;
    iovec body{.iov_base = &got, .iov_len = sizeof got};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ASSERT_EQ(recvmsg(listener.peer, &message, 0), static_cast<ssize_t>(sizeof got));
    EXPECT_EQ(got.pid, 42U);
    EXPECT_EQ(got.header.workers, 1U);
    int fd = -1;
    ASSERT_NE(CMSG_FIRSTHDR(&message), nullptr);
    std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    EXPECT_TRUE(RingMemory::adopt(fd).has_value());
}

TEST(ChannelClient, TriesAgainEverySecondAndNotMoreOften) {
    const std::string path = socket_path("again");
    ChannelClient client(path, {}, {0});
    EXPECT_FALSE(client.poll(1 * second, answers));
    const Listener listener(path);
    EXPECT_FALSE(client.poll(second + second / 2, answers));
    EXPECT_FALSE(client.connected());
    EXPECT_FALSE(client.poll(2 * second, answers));
    EXPECT_TRUE(client.connected());
}

TEST(ChannelClient, APeerThatDoesNotReadNeverHoldsItUp) {
    Listener listener(socket_path("mute"));
    ChannelClient client(listener.path, {}, {0});
    (void)client.poll(second, answers);
    ASSERT_TRUE(client.connected());
    for (int i = 0; i < 2000; ++i) client.send(StatusMessage{});
    EXPECT_TRUE(client.connected());
}

TEST(ChannelClient, AStopIsObeyedAndNonsenseEndsTheConnection) {
    Listener listener(socket_path("stop"));
    ChannelClient client(listener.path, {}, {0});
    (void)client.poll(second, answers);
    listener.take_peer();
    const MessageHeader stop{
        .version = channel_version, .type = MessageType::stop, .bytes = sizeof(MessageHeader), .workers = 0};
    ASSERT_EQ(send(listener.peer, &stop, sizeof stop, 0), static_cast<ssize_t>(sizeof stop));
    EXPECT_TRUE(client.poll(second, answers));
    ASSERT_EQ(send(listener.peer, "nonsense", 8, 0), 8);
    EXPECT_FALSE(client.poll(second, answers));
    EXPECT_FALSE(client.connected());
}

TEST(ChannelClient, APeerThatGoesAwayIsNoticed) {
    Listener listener(socket_path("gone"));
    ChannelClient client(listener.path, {}, {0});
    (void)client.poll(second, answers);
    listener.take_peer();
    close(listener.peer);
    listener.peer = -1;
    EXPECT_FALSE(client.poll(second, answers));
    EXPECT_FALSE(client.connected());
    client.send(StatusMessage{});
}

TEST(ChannelClient, AnswersAreTakenAndImpossibleOnesEndTheConnection) {
    Listener listener(socket_path("answers"));
    ChannelClient client(listener.path, {}, {0});
    (void)client.poll(second, answers);
    listener.take_peer();
    AnswerMessage message;
    message.header = {
        .version = channel_version, .type = MessageType::answer, .bytes = sizeof message, .workers = 1};
    message.answer = {{1, 2}, CheckResult::accepted, 3, 4};
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(send(listener.peer, &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
    }
    answers.clear();
    EXPECT_FALSE(client.poll(second, answers));
    ASSERT_EQ(answers.size(), 3U);
    EXPECT_EQ(answers[0].fingerprint, (Fingerprint{1, 2}));
    EXPECT_EQ(answers[0].identity, 3);
    message.answer.result = static_cast<CheckResult>(9);
    ASSERT_EQ(send(listener.peer, &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
    EXPECT_FALSE(client.poll(second, answers));
    EXPECT_FALSE(client.connected());
    EXPECT_EQ(answers.size(), 3U);
}

TEST(ChannelClient, AQuestionThatThePeerDoesNotReadIsToldToWaitNotLost) {
    Listener listener(socket_path("questions"));
    ChannelClient client(listener.path, {}, {0});
    (void)client.poll(second, answers);
    const std::vector<std::byte> value(4000);
    bool sent = true;
    for (int i = 0; i < 10'000 && sent; ++i) sent = client.send(CheckRequest{{1, 1}, value, 0});
    EXPECT_FALSE(sent);
    EXPECT_TRUE(client.connected());
}

/// Sends a PolicyMessage as the control process does, with this descriptor.
void send_policy(int peer, std::uint32_t generation, int fd) {
    PolicyMessage message;
    message.header = {
        .version = channel_version, .type = MessageType::policy, .bytes = sizeof message, .workers = 1};
    message.generation = generation;
    iovec body{.iov_base = &message, .iov_len = sizeof message};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr whole{};
    whole.msg_iov = &body;
    whole.msg_iovlen = 1;
    if (fd >= 0) {
        whole.msg_control = control.data();
        whole.msg_controllen = control.size();
        cmsghdr* rights = CMSG_FIRSTHDR(&whole);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    ASSERT_EQ(sendmsg(peer, &whole, 0), static_cast<ssize_t>(sizeof message));
}

TEST(ChannelClient, TakesAPolicyThatIsSealedAndSaysFromThenOnWhichOneItRuns) {
    Listener listener(socket_path("policy"));
    ChannelClient client(listener.path, {}, {0});
    (void)client.poll(second, answers);
    listener.take_peer();
    const auto fd = seal_bytes("test", "the policy");
    ASSERT_TRUE(fd.has_value());
    send_policy(listener.peer, 7, *fd);
    close(*fd);
    EXPECT_FALSE(client.take_policy().has_value());
    EXPECT_FALSE(client.poll(second, answers));
    const auto order = client.take_policy();
    ASSERT_TRUE(order.has_value());
    EXPECT_EQ(order->generation, 7U);
    EXPECT_EQ(order->bytes, "the policy");
    EXPECT_FALSE(client.take_policy().has_value());

    AdoptedMessage adopted;
    adopted.generation = 7;
    adopted.policy_sha256 = {1, 2, 3};
    client.set_policy(adopted);
    ASSERT_TRUE(client.send(adopted));
    close(listener.peer);
    (void)client.poll(2 * second, answers);
    (void)client.poll(4 * second, answers);
    listener.take_peer();
    HelloMessage hello;
    ASSERT_EQ(recv(listener.peer, &hello, sizeof hello, 0), static_cast<ssize_t>(sizeof hello));
    EXPECT_EQ(hello.policy_generation, 7U);
    EXPECT_EQ(hello.policy_sha256, adopted.policy_sha256);
}

TEST(ChannelClient, APolicyThatCouldStillChangeOrIsMissingEndsTheConnection) {
    for (const bool with_file : {true, false}) {
        Listener listener(socket_path("unsealed"));
        ChannelClient client(listener.path, {}, {0});
        (void)client.poll(second, answers);
        listener.take_peer();
        const int fd = memfd_create("unsealed", MFD_CLOEXEC);
        send_policy(listener.peer, 7, with_file ? fd : -1);
        close(fd);
        EXPECT_FALSE(client.poll(second, answers));
        EXPECT_FALSE(client.connected());
        EXPECT_FALSE(client.take_policy().has_value());
    }
}

}  // namespace
}  // namespace springlatch

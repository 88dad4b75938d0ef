#include "control/posture/prober.h"

#include <curl/curl.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/prefixes.h"
#include "config/secrets.h"
#include "control/clock.h"

namespace springlatch::control {
namespace {

constexpr std::size_t body_bytes_max = 65'536;

struct FreeCurl {
    void operator()(CURL* curl) const noexcept { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

struct Body {
    std::string text;
    bool whole = true;
};

std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* context) {
    auto& body = *static_cast<Body*>(context);
    const std::size_t taken = std::min(size * count, body_bytes_max - body.text.size());
    body.text.append(bytes, taken);
    body.whole = body.whole && taken == size * count;
    return taken;  // less than given ends it
}

struct Reply {
    long status = 0;  ///< 0: none
    Body body;
};

class Asker {
  public:
    Asker(const ProbeTarget& target, const ProbeSettings& settings) : target_(target), settings_(settings) {
        const auto fits = [&](const IpAddress& from) { return from.is_v4() == target.address.is_v4(); };
        const auto found = std::find_if(settings.from.begin(), settings.from.end(), fits);
        from_ = found == settings.from.end() ? "" : "host!" + address_text(*found);
    }
    [[nodiscard]] bool possible() const noexcept { return !from_.empty(); }

    /// `invented`: "" for none.
    [[nodiscard]] Reply ask(const char* path, const std::string& invented) {
        Reply reply = ask_by(tls_ ? "https" : "http", path, invented);
        if (target_.tls && !tls_ && (reply.status == 0 || reply.status == 400)) {
            Reply secured = ask_by("https", path, invented);
            tls_ = secured.status != 0;
            return tls_ ? secured : reply;
        }
        return reply;
    }

  private:
    [[nodiscard]] Reply ask_by(const std::string& scheme, const char* path,
                               const std::string& invented) const {
        Reply reply;
        const std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
        if (!curl) {
            return reply;
        }
        const std::string host = address_text(target_.address);
        const std::string url = scheme + "://" + (target_.address.is_v4() ? host : '[' + host + ']') + ':' +
                                std::to_string(target_.port) + path;
        CURL* const handle = curl.get();
        std::unique_ptr<curl_slist, FreeCurl> headers;
        if (!invented.empty()) {
            headers.reset(curl_slist_append(nullptr, ("Authorization: Basic " + invented).c_str()));
        }
        curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_INTERFACE, from_.c_str());
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT, static_cast<long>(settings_.timeout_seconds));
        curl_easy_setopt(handle, CURLOPT_USERAGENT, "springlatch-posture/" SPRINGLATCH_VERSION);
        curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        // A stranger does not care whose certificate it is, and nothing is sent that is worth protecting.
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &reply.body);
        const CURLcode done = curl_easy_perform(handle);
        if (done == CURLE_OK || (done == CURLE_WRITE_ERROR && !reply.body.whole)) {
            curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply.status);
        }
        return reply;
    }

    const ProbeTarget& target_;
    const ProbeSettings& settings_;
    std::string from_;
    bool tls_ = false;
};

/// "" unless it is what Elasticsearch and OpenSearch say of themselves.
[[nodiscard]] std::string cluster_in(const Reply& reply) {
    const auto json = nlohmann::json::parse(reply.body.text, nullptr, false);
    if (!json.is_object() || !json.contains("cluster_uuid") || !json["cluster_uuid"].is_string() ||
        !json.contains("version") || !json["version"].is_object() || !json["version"].contains("number")) {
        return "";
    }
    return json["cluster_uuid"].get<std::string>();
}

/// The indices' ids, sorted. Nothing if it is no list of them.
[[nodiscard]] std::optional<std::vector<std::string>> indices_in(const Reply& reply) {
    if (!reply.body.whole) {
        return reply.body.text.starts_with('[') ? std::optional(std::vector<std::string>{}) : std::nullopt;
    }
    const auto json = nlohmann::json::parse(reply.body.text, nullptr, false);
    if (!json.is_array()) {
        return std::nullopt;
    }
    std::vector<std::string> ids;
    for (const auto& index : json) {
        if (index.is_object() && index.contains("uuid") && index["uuid"].is_string()) {
            ids.push_back(index["uuid"].get<std::string>());
        }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

[[nodiscard]] std::uint64_t keyed_hash(const std::string& key, const std::string& text) {
    const Sha256 digest = sha256_of(key + text);
    std::uint64_t number = 0;
    std::memcpy(&number, digest.data(), sizeof number);
    return (number >> 1U) | 1U;  // the store's numbers are signed
}

[[nodiscard]] std::string invented_credentials() {
    // 30 letters: the encoded form of some user and password that nobody has.
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz012345";
    std::array<unsigned char, 24> random{};
    (void)getrandom(random.data(), random.size(), 0);
    std::string text = "cHJvYmU6";  // "probe:"
    for (const unsigned char byte : random) {
        text += letters[byte % letters.size()];
    }
    return text;
}

struct Opinion {
    Posture state = Posture::unknown;
    std::string evidence;
    std::uint64_t data = 0;
};

[[nodiscard]] Opinion ask_once(Asker& asker, const std::string& key, const std::function<void()>& pause) {
    bool refused = true;
    for (const bool invents : {false, true}) {
        const std::string credentials = invents ? invented_credentials() : "";
        pause();
        const Reply root = asker.ask("/", credentials);
        refused = refused && root.status == 401;
        const std::string cluster = root.status == 200 ? cluster_in(root) : "";
        if (cluster.empty()) {
            continue;
        }
        pause();
        const Reply list = asker.ask("/_cat/indices?format=json&h=uuid", credentials);
        const auto indices = list.status == 200 ? indices_in(list) : std::nullopt;
        if (!indices) {
            continue;
        }
        std::string data = cluster;
        for (const std::string& id : *indices) {
            data += '\n' + id;
        }
        return {Posture::open,
                std::string("asked ") + (invents ? "with invented credentials" : "without credentials") +
                    ", it told its cluster and its indices",
                list.body.whole ? keyed_hash(key, data) : 0};
    }
    return refused ? Opinion{Posture::closed, "it answered 401 without and with invented credentials", 0}
                   : Opinion{};
}

}  // namespace

ProbeFinding probe(const ProbeTarget& target, const ProbeSettings& settings, const std::string& key,
                   const std::function<void()>& pause) {
    ProbeFinding finding;
    finding.address = address_text(target.address);
    finding.port = target.port;
    finding.service = target.service;
    Asker asker(target, settings);
    if (asker.possible()) {
        Opinion opinion = ask_once(asker, key, pause);
        if (opinion.state == Posture::open && ask_once(asker, key, pause).state != Posture::open) {
            opinion = {};
        }
        finding.state = opinion.state;
        finding.evidence = std::move(opinion.evidence);
        finding.data = opinion.data;
    }
    finding.time_ns = unix_ns();
    return finding;
}

std::vector<ProbeTarget> targets_of(const CompiledPolicy& policy) {
    std::vector<ProbeTarget> targets;
    for (const Service& service : policy.parts().services) {
        if (service.protocol != ServiceProtocol::elasticsearch) {
            continue;
        }
        std::size_t left = targets_a_service_max;
        for (const AddressRange& range : service.addresses) {
            for (IpAddress address = range.first; left > 0 && address <= range.last;
                 address = next(address)) {
                for (std::size_t i = 0; left > 0 && i < service.ports.size(); ++i, --left) {
                    targets.push_back({address, service.ports[i], service.name, service.tls_allowed});
                }
                if (address == range.last) {
                    break;
                }
            }
        }
    }
    return targets;
}

Prober::Prober(ProbeSettings settings, std::string key, PolicyNow policy,
               std::function<void(const ProbeFinding&)> found)
    : settings_(std::move(settings)),
      key_(std::move(key)),
      policy_(std::move(policy)),
      found_(std::move(found)) {
    if (!settings_.from.empty() && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        thread_ = std::thread([this] { run(); });
    }
}

Prober::~Prober() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

bool Prober::wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, time, [this] { return stop_; });
}

void Prober::run() {
    const auto between = std::chrono::milliseconds(60'000 / settings_.per_minute);
    const auto every = std::chrono::seconds(settings_.every_seconds);
    auto begun = std::chrono::steady_clock::now();
    while (!wait(std::chrono::milliseconds(100))) {
        const auto policy = policy_();
        if (!policy) {
            continue;
        }
        begun = std::chrono::steady_clock::now();
        for (const ProbeTarget& target : targets_of(*policy)) {
            const ProbeFinding finding = probe(target, settings_, key_, [&] { (void)wait(between); });
            if (wait(std::chrono::milliseconds(0))) {
                return;
            }
            found_(finding);
        }
        const auto spent = std::chrono::steady_clock::now() - begun;
        if (spent < every && wait(std::chrono::duration_cast<std::chrono::milliseconds>(every - spent))) {
            return;
        }
    }
}

}  // namespace springlatch::control

#pragma once
// Link state, handed from one side to the other.
#include <array>
#include <cstddef>
#include <cstdint>

namespace springlatch {

/// If one side loses its link the other must see it, or neighbours would go on sending into a wall.
///
/// A side that was never seen up is not followed: some devices do not tell. A side that was just raised again
/// is given time, since to negotiate takes seconds: else each side would take down the other, in turn, for
/// ever.
/// `LinkPort` has link_up() and set_link(bool), which says whether the device could.
template <typename LinkPort>
class LinkFollower {
  public:
    static constexpr std::uint64_t settle_ns = 10'000'000'000U;

    LinkFollower(LinkPort& outside, LinkPort& inside) : ports_{&outside, &inside} {}
    LinkFollower(const LinkFollower&) = delete;
    LinkFollower& operator=(const LinkFollower&) = delete;
    /// What was taken down is raised: the interface may outlive this process.
    ~LinkFollower() {
        for (std::size_t side = 0; side < 2; ++side) {
            if (links_[side].taken_down) {
                (void)ports_[side]->set_link(true);
            }
        }
    }

    /// Bit 0 outside, bit 1 inside: links that are up.
    [[nodiscard]] std::uint32_t follow(std::uint64_t now_ns) noexcept {
        const std::array<bool, 2> up = {ports_[0]->link_up(), ports_[1]->link_up()};
        for (std::size_t side = 0; side < 2; ++side) {
            Link& link = links_[side];
            Link& other = links_[1 - side];
            if (up[side]) {
                link.lost_if_down = true;
                link.settled_ns = 0;
                if (other.taken_down) {
                    other.taken_down = !ports_[1 - side]->set_link(true);
                    other.settled_ns = now_ns + settle_ns;
                }
            } else if (link.lost_if_down && !link.taken_down && !other.taken_down &&
                       now_ns >= link.settled_ns) {
                other.taken_down = ports_[1 - side]->set_link(false);
            }
        }
        return (up[0] ? 1U : 0U) | (up[1] ? 2U : 0U);
    }

  private:
    struct Link {
        bool lost_if_down = false;  ///< seen up before
        bool taken_down = false;    ///< by us
        std::uint64_t settled_ns = 0;
    };
    std::array<LinkPort*, 2> ports_;
    std::array<Link, 2> links_{};
};

}  // namespace springlatch

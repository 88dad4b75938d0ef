"""scripts/check-includes finds what it promises to find, and nothing else."""
import pathlib
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-includes"
LISTS = """
springlatch_room(packet dataplane/packet)
springlatch_room(http   dataplane/protocol/http)  # a comment with DEPENDS packet
springlatch_room(flow   dataplane/flow DEPENDS packet)
springlatch_room(pcap   dataplane/pcap DEPENDS packet LINK package_libpcap)
springlatch_room(core   dataplane/core DEPENDS flow)
springlatch_room(dpdk   dataplane/dpdk DEPENDS core LINK package_dpdk)
"""


def check(root, files):
    (root / "CMakeLists.txt").write_text(LISTS)
    (root / "control").mkdir()
    (root / "control" / "CMakeLists.txt").write_text("target_link_libraries(springlatch_control PUBLIC springlatch_flow package_sqlite)\n")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([CHECK, root], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


def test_an_orderly_tree_is_silent(tmp_path):
    code, lines = check(tmp_path, {
        "dataplane/packet/a.h": "#include <vector>\n",
        "dataplane/flow/b.h": '#include "dataplane/packet/a.h"\n#include "dataplane/flow/c.h"\n',
        "dataplane/core/d.cpp": '#include "dataplane/packet/a.h"\n#include <nlohmann/json.hpp>\n',
        "dataplane/dpdk/e.cpp": '#include <rte_mbuf.h>\n#include "dataplane/flow/b.h"\n',
        "dataplane/core/d.h": "#include <nlohmann/json_fwd.hpp>\n",
        "control/store/g.cpp": '#include "dataplane/packet/a.h"\n#include "control/api/h.h"\n',
        "dataplane/pcap/f.cpp": "#include <pcap/pcap.h>\n",
    })
    assert (code, lines) == (0, [])


@pytest.mark.parametrize("name, text, found", [
    ("dataplane/packet/a.h", '\n#include "dataplane/flow/b.h"\n', '2: "dataplane/flow/b.h" is of room flow; packet may use: packet'),
    ("dataplane/flow/b.h", '#include "dataplane/protocol/http/h.h"\n', '1: "dataplane/protocol/http/h.h" is of room http; flow may use: flow, packet'),
    ("control/g.cpp", '#include "dataplane/core/d.h"\n', '1: "dataplane/core/d.h" is of room core; control may use: control, flow, packet'),
    ("dataplane/core/d.cpp", "# include <rte_mbuf.h>\n", "1: <rte_mbuf.h>; DPDK's headers are allowed in dataplane/dpdk only"),
    ("dataplane/core/d.cpp", "#include <pcap.h>\n", "1: <pcap.h>; libpcap's header is allowed in dataplane/pcap only"),
    ("dataplane/core/d.h", "#include <nlohmann/json.hpp>\n", "1: <nlohmann/json.hpp>; nlohmann's header is allowed in .cpp files only"),
])
def test_a_violation_is_named_with_its_place_and_what_is_allowed(tmp_path, name, text, found):
    code, lines = check(tmp_path, {name: text})
    assert (code, lines) == (1, [f"{name}:{found}"])


def test_rooms_that_moved_out_of_the_list_are_not_silently_unchecked(tmp_path):
    code, lines = check(tmp_path, {"dataplane/packet/a.h": '#include "dataplane/lost/x.h"\n'})
    assert code == 1 and lines == ['dataplane/packet/a.h:1: "dataplane/lost/x.h"; it is in no room, packet may use: packet']

#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/transport.h"
#include "transport/deadline_heap.h"
#include "transport/settings.h"
#include "transport/socket_table.h"
#include "transport/transfer.h"

namespace weir {

// Exchanges over libcurl, in the loop of its owner: the poller's watchers only note what is ready,
// and everything moves in advance(), which the loop calls after each turn of the poller. All calls
// belong to one thread. transport_global_init() must have succeeded before.
//
// Every exchange that is started goes to libcurl at the next advance(): how many there are at a
// time is the caller's to bound. A request is sent at most once, whatever libcurl would like.
class CurlTransport final : public Transport {
public:
    // The poller and the sink outlive the transport. Throws std::runtime_error if libcurl refuses.
    CurlTransport(Poller* poller, TransportSink* sink, TransportSettings settings);
    // Ends what is under way without an on_end; waits neither for a peer nor for a resolver.
    ~CurlTransport() override;
    CurlTransport(const CurlTransport&) = delete;
    CurlTransport& operator=(const CurlTransport&) = delete;

    void start(ExchangeId id, const HttpRequest& request, TimeNs now) override;
    bool abort(ExchangeId id) override;
    void pause(ExchangeId id, bool paused) override;
    TimeNs next_timer() const override;
    // Throws what a reader threw, after the exchange concerned has ended as broken.
    void advance(TimeNs now) override;

    // Reads the trusted certificates, which else happens at the first exchange over https. False if
    // there are none, and why.
    bool load_certificates(std::string* problem);

    // For the child of a fork: closes the inherited sockets so that the parent's connections stay
    // whole. The transport must then be leaked, for libcurl's state is the parent's.
    void close_descriptors_only() override;

private:
    using Exchanges = std::unordered_map<ExchangeId, std::unique_ptr<Transfer>>;
    struct Started {
        ExchangeId id;
        bool refused = false;  // before libcurl saw it: for the reason in `end`
        WireEnd end;
    };
    struct MultiFree {
        void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
    };

    static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;

    Transfer* take_transfer(ExchangeId id);
    void give_back(Exchanges::node_type node) noexcept;
    void prepare(Transfer* transfer, const HttpRequest& request, Started* started);
    void add_started();
    void resume_paused();
    void run(curl_socket_t fd, int select_bits);
    void run_ready();
    void release_dropped();
    void finish_completed();
    bool make_room_to_linger() noexcept;
    void end_whole_ones();
    void end_lingering(Transfer* transfer);
    void expire();
    void end_exchange(Transfer* transfer, const WireEnd& end);
    void end_all(CURLMcode code);
    void start_over(CURLMcode code);  // after a failure of the multi handle as a whole
    void set_up_multi();

    TransferContext context_;
    SocketTable sockets_;
    std::unique_ptr<CURLM, MultiFree> multi_;
    Exchanges exchanges_;
    std::vector<Started> started_;               // not yet with libcurl
    std::vector<ExchangeId> resumed_;            // to be told so at the next advance()
    std::vector<Exchanges::node_type> dropped_;  // aborted while libcurl was at work
    std::vector<Exchanges::node_type>
        lingering_;                           // told of, and not yet at the end of their responses
    std::vector<Exchanges::node_type> idle_;  // pooled handles, with their places in the map
    DeadlineHeap deadlines_;
    TimeNs curl_timer_at_ = kNever;
    bool inside_curl_ = false;
    bool http2_ = false;  // for new exchanges; until it fails
};

}  // namespace weir

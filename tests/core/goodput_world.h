#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "model/headers.h"
#include "model/model.h"
#include "provider/outcome.h"

namespace weir::test {

using AttemptRef = std::uint32_t;

// A lognormal distribution by its mean.
struct Spread {
    double mean = 0;
    double sigma = 0;
    std::int64_t draw(Random* random) const;
};

// What one request asks for, and what its client is told about it.
struct Work {
    std::uint16_t model_class = 0;
    std::int64_t input_tokens = 0;
    std::int64_t estimated_input = 0;
    std::int64_t output_tokens = 0;
    std::int64_t max_tokens = 0;
};

// A client of the API in virtual time: told what comes back, and asked for what to do next.
class Client {
public:
    virtual ~Client() = default;
    virtual void begin(TimeNs now) = 0;
    virtual void on_head(AttemptRef attempt, const LimitReadings& readings, TimeNs now) = 0;
    virtual void on_progress(AttemptRef attempt, std::int64_t output_tokens, TimeNs now) = 0;
    // A stream has begun, and says what its input came to.
    virtual void on_input_counted(AttemptRef, const Usage&, TimeNs) {}
    virtual void on_end(AttemptRef attempt, const Outcome& outcome, TimeNs now) = 0;
    virtual void advance(TimeNs now) = 0;
    virtual TimeNs next_timer() const = 0;
    // Headers that looked like limits and made no sense.
    virtual std::uint64_t ignored_readings() const { return 0; }
};

// The network, the model of the API behind it, and the endless work that there is to do.
class World {
public:
    struct Settings {
        model::Config model;
        Spread input{1500, 0.7};
        Spread output{400, 0.7};
        double input_error = 0.1;  // spread of the client's estimate around the truth
        std::int64_t max_tokens = 4096;
        TimeNs least_delay_ns = 20 * kNsPerMs;  // each way
        TimeNs most_delay_ns = 80 * kNsPerMs;
        bool names_refused_limit = true;  // in the words of a 429
        bool stream = true;               // else an answer's head comes with its end
        bool header_text = false;         // what is said of limits goes by way of its text
        // Likewise: spoils a response's headers.
        std::function<void(model::Headers*, Random*)> spoil;
        std::uint64_t requests = 0;  // there are to do; 0: without end
        std::uint64_t seed = 1;
    };

    explicit World(const Settings& settings);

    bool has_work() const {
        return !rests_ && (settings_.requests == 0 || drawn_ < settings_.requests);
    }
    // There is no new work for a time.
    void rest(bool on) { rests_ = on; }
    Work draw_work(std::uint16_t model_class);
    // Sends a request; its answer comes back by on_head, on_progress and on_end.
    AttemptRef send(int key, const Work& work, TimeNs now);

    // Lets time pass until `until`, or until nothing is left to happen. Returns the time.
    TimeNs run(Client* client, TimeNs until);

    model::Model& model() { return model_; }
    Random& random() { return random_; }
    // Sum of the times that answers took at the server.
    double service_s() const { return service_s_; }
    std::uint64_t events() const { return events_done_; }
    std::uint64_t trace_hash() const { return trace_hash_; }

private:
    enum class EventKind : std::uint8_t { arrival, head, progress, end };
    struct Event {
        TimeNs at;
        std::uint64_t order;
        EventKind kind;
        AttemptRef attempt;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    struct Attempt {
        int key = 0;
        Work work;
        TimeNs arrived_at = 0;
        TimeNs back_delay_ns = 0;
        model::Decision decision;
    };

    TimeNs draw_delay();
    void post(TimeNs at, EventKind kind, AttemptRef attempt);
    void post_progress(TimeNs at, AttemptRef attempt);
    const Event* next_event() const;
    Event take(const Event* next);
    void happen(const Event& event, Client* client);
    void arrive(AttemptRef ref, TimeNs now);
    LimitReadings readings_of(const Attempt& attempt, TimeNs now) const;
    LimitReadings readings_by_text(const Attempt& attempt, TimeNs now);
    Outcome outcome_of(const Attempt& attempt) const;
    void record(std::uint64_t word) { trace_hash_ = (trace_hash_ ^ word) * 0x100000001B3u; }

    Settings settings_;
    Random random_;
    Random spoil_random_;
    Random work_random_;  // of its own, so that every client gets the same work
    model::Model model_;
    std::priority_queue<Event> events_;
    // Most events are of a stream's progress, each as long after another one: they come in order.
    std::deque<Event> progress_;
    std::uint64_t order_ = 0;
    std::uint64_t drawn_ = 0;
    bool rests_ = false;
    double service_s_ = 0;
    std::vector<Attempt> attempts_;
    std::vector<AttemptRef> free_;
    TimeNs now_ = 0;
    std::uint64_t events_done_ = 0;
    std::uint64_t trace_hash_ = 0xCBF29CE484222325u;
};

}  // namespace weir::test

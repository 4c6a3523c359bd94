#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir {

// A binary min-heap of small numbers by a 64-bit key, which knows where each number is, so that a
// key can be changed and a number taken out from the middle. Equal keys leave in the order of the
// numbers: a run is the same every time.
class IndexedHeap {
public:
    bool empty() const { return heap_.empty(); }
    std::size_t size() const { return heap_.size(); }
    bool contains(std::uint32_t item) const {
        return item < places_.size() && places_[item] != kNowhere;
    }

    std::uint32_t top() const { return heap_.front().item; }
    std::int64_t top_key() const { return heap_.front().key; }
    // The items in the heap's own order: the first is the least, the rest are roughly sorted.
    std::uint32_t at(std::size_t place) const { return heap_[place].item; }

    // Puts the item in, or changes its key.
    void set(std::uint32_t item, std::int64_t key) {
        if (item >= places_.size()) places_.resize(item + 1u, kNowhere);
        std::size_t place = places_[item];
        if (place == kNowhere) {
            place = heap_.size();
            heap_.push_back({key, item});
            places_[item] = static_cast<std::uint32_t>(place);
        } else {
            heap_[place].key = key;
        }
        sift_down(sift_up(place));
    }

    void erase(std::uint32_t item) {
        if (!contains(item)) return;
        const std::size_t place = places_[item];
        places_[item] = kNowhere;
        const Entry last = heap_.back();
        heap_.pop_back();
        if (place == heap_.size()) return;
        put(place, last);
        sift_down(sift_up(place));
    }

private:
    static constexpr std::uint32_t kNowhere = 0xFFFFFFFFu;
    struct Entry {
        std::int64_t key;
        std::uint32_t item;
        bool operator<(const Entry& other) const {
            return key != other.key ? key < other.key : item < other.item;
        }
    };

    void put(std::size_t place, const Entry& entry) {
        heap_[place] = entry;
        places_[entry.item] = static_cast<std::uint32_t>(place);
    }

    std::size_t sift_up(std::size_t place) {
        const Entry entry = heap_[place];
        while (place > 0 && entry < heap_[(place - 1) / 2]) {
            put(place, heap_[(place - 1) / 2]);
            place = (place - 1) / 2;
        }
        put(place, entry);
        return place;
    }

    void sift_down(std::size_t place) {
        const Entry entry = heap_[place];
        for (;;) {
            std::size_t child = 2 * place + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
            if (!(heap_[child] < entry)) break;
            put(place, heap_[child]);
            place = child;
        }
        put(place, entry);
    }

    std::vector<Entry> heap_;
    std::vector<std::uint32_t> places_;
};

}  // namespace weir

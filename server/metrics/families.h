// The families of one answer to a scraper, under construction. Names get no prefix here: each says
// its own in full. Thread-compatible.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/core/histogram.h"
#include "server/runtime/cells.h"

namespace warren::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// One family, to which samples are added. Valid until the next family is begun.
class Family {
 public:
  explicit Family(prometheus::MetricFamily& family) : family_(family) {}

  // For gauges and counters.
  void Add(double value, Labels labels = {});

  // For histograms: `scale` is what one unit of the counts is in the family's unit.
  template <size_t kBounds, size_t kShift>
  void Add(const core::Histogram<kBounds, kShift>& histogram, double scale, Labels labels = {}) {
    prometheus::ClientMetric& metric = New(std::move(labels));
    for (size_t i = 0; i < kBounds; ++i) {
      AddBucket(metric, histogram.counts[i], static_cast<double>(histogram.Bound(i)) * scale);
    }
    AddLastBucket(metric, histogram.counts[kBounds], static_cast<double>(histogram.sum) * scale);
  }
  template <size_t kBounds>
  void Add(const runtime::HistogramCells<kBounds>& cells, Labels labels = {}) {
    prometheus::ClientMetric& metric = New(std::move(labels));
    for (size_t i = 0; i < kBounds; ++i) AddBucket(metric, cells.count(i), cells.bounds()[i]);
    AddLastBucket(metric, cells.count(kBounds), cells.sum());
  }

 private:
  prometheus::ClientMetric& New(Labels labels);
  static void AddBucket(prometheus::ClientMetric& metric, uint64_t count, double bound);
  static void AddLastBucket(prometheus::ClientMetric& metric, uint64_t count, double sum);

  prometheus::MetricFamily& family_;
};

class Families {
 public:
  Family Gauge(std::string name, std::string help);
  Family Counter(std::string name, std::string help);
  Family Histogram(std::string name, std::string help);

  // In Prometheus' text format.
  std::string Text() const;

 private:
  Family Begin(std::string name, std::string help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

// Of Families::Text.
inline constexpr char kTextFormat[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace warren::metrics

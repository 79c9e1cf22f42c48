#include "server/metrics/families.h"

#include <prometheus/text_serializer.h>

#include <limits>

namespace warren::metrics {

using prometheus::ClientMetric;
using prometheus::MetricType;

ClientMetric& Family::New(Labels labels) {
  ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  return metric;
}

void Family::Add(double value, Labels labels) {
  ClientMetric& metric = New(std::move(labels));
  (family_.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
}

void Family::AddBucket(ClientMetric& metric, uint64_t count, double bound) {
  metric.histogram.sample_count += count;
  metric.histogram.bucket.push_back({metric.histogram.sample_count, bound});
}

void Family::AddLastBucket(ClientMetric& metric, uint64_t count, double sum) {
  AddBucket(metric, count, std::numeric_limits<double>::infinity());
  metric.histogram.sample_sum = sum;
}

Family Families::Gauge(std::string name, std::string help) {
  return Begin(std::move(name), std::move(help), MetricType::Gauge);
}

Family Families::Counter(std::string name, std::string help) {
  return Begin(std::move(name), std::move(help), MetricType::Counter);
}

Family Families::Histogram(std::string name, std::string help) {
  return Begin(std::move(name), std::move(help), MetricType::Histogram);
}

Family Families::Begin(std::string name, std::string help, MetricType type) {
  return Family(families_.emplace_back(
      prometheus::MetricFamily{std::move(name), std::move(help), type, {}}));
}

std::string Families::Text() const { return prometheus::TextSerializer().Serialize(families_); }

}  // namespace warren::metrics

-- Every request is another row: one number of the template is replaced by a counter.
local head, tail = os.getenv("BENCH_HEAD"), os.getenv("BENCH_TAIL")
local counter = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
if os.getenv("BENCH_TOKEN") then
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
end
request = function()
  counter = counter + 1
  return wrk.format(nil, nil, nil, head .. string.format("%.6f", 10 + counter * 0.000001) .. tail)
end
done = function(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.status + summary.errors.timeout))
end

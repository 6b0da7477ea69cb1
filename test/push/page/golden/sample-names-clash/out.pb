{"name":"c","type":1,"metric":[{"gauge":{"value":2}}]}
{"name":"c_total","type":0,"metric":[{"counter":{"value":1,"created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"h","type":4,"metric":[{"histogram":{"count":2,"sum":3,"bucket":[{"count":1,"le":0.5},{"count":1,"le":2}],"created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"h_bucket","type":1,"metric":[{"label":[{"name":"le","value":"3"}],"gauge":{"value":9}}]}
{"name":"h_count","type":1,"metric":[{"label":[{"name":"a","value":"1"}],"gauge":{"value":8}}]}

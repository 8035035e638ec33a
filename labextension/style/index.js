import './base.css';
import './endpoints.css';
import './models.css';
import './audit.css';
import './hub.css';
import './runs.css';
